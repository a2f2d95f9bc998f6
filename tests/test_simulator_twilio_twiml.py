"""TwiML as the fake Twilio reads it: what is performed, what is warned of."""

import pytest

from bmv.simulator.twilio.speakers import voice_problem
from bmv.simulator.twilio.twiml import TwimlError, parse, task_attributes
from bmv.simulator.twilio.verbs import Connect, Enqueue, Hangup, Pause, Redirect, Reject, Say, Stream


def document(body: str) -> str:
    return f"<Response>{body}</Response>"


def test_a_whole_document_becomes_verbs_in_order() -> None:
    text = document(
        '<Say language="es-ES" voice="Polly.Lucia-Neural">Hola <break time="1s"/>y adiós</Say><Pause length="2"/>'
        '<Connect action="/after"><Stream url="wss://h/s" name="one" statusCallback="/st" statusCallbackMethod="GET">'
        '<Parameter name="a" value="1 &amp; 2"/></Stream></Connect><Redirect method="GET">/next</Redirect><Hangup/>'
    )
    read = parse(text)
    stream = Stream("wss://h/s", "one", "inbound_track", "/st", "GET", {"a": "1 & 2"})
    assert read.warnings == []
    assert read.verbs == [
        Say("Hola y adiós", "es-ES", "Polly.Lucia-Neural", 1),
        Pause(2),
        Connect("/after", "POST", stream),
        Redirect("/next", "GET"),
        Hangup(),
    ]


def test_enqueue_tells_an_empty_wait_url_from_none() -> None:
    silent = parse(
        document('<Enqueue workflowSid="WW1" waitUrl=""><Task priority="5" timeout="9">{"a":1}</Task></Enqueue>')
    )
    assert silent.verbs == [Enqueue("WW1", "", "POST", "", '{"a":1}', 5, 9)]
    music = parse(document('<Enqueue workflowSid="WW1" action="/a"/>'))
    assert music.verbs == [Enqueue("WW1", "/a", "POST", None, "{}", 0, None)]
    assert silent.warnings == music.warnings == []


@pytest.mark.parametrize("text", ["", "hello", "<Response>", "<Reply/>", "<Response><Say></Response>"])
def test_what_is_no_twiml_is_refused(text: str) -> None:
    with pytest.raises(TwimlError):
        parse(text)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("<Sing>la</Sing>", "<Sing>"),
        ("<say>small letters</say>", "<say>"),
        ('<Say tone="high">x</Say>', "tone"),
        ("<Say>x<Pause/></Say>", "<Pause> cannot be inside"),
        ("<Say> </Say>", "without text"),
        ('<Say language="tlh">x</Say>', "tlh"),
        ("hello<Hangup/>", "text between"),
        ('<Pause length="soon"/>', "not a number"),
        ('<Redirect method="PUT">/x</Redirect>', "PUT"),
        ("<Connect/>", "exactly one <Stream>"),
        ('<Connect><Stream url="wss://h/s"/><Stream url="wss://h/t"/></Connect>', "exactly one <Stream>"),
        ('<Connect><Stream url="wss://h/s" uri="x"/></Connect>', "uri"),
        ('<Connect><Stream url="wss://h/s"><Parameter value="x"/></Stream></Connect>', "without a name"),
        ("<Hangup/><Reject/>", "not the first verb"),
        ('<Reject reason="tired"/>', "tired"),
        ("<Enqueue>support</Enqueue>", "workflowSid"),
        ('<Enqueue workflowSid="WW1"><Task priority="high">{}</Task></Enqueue>', "priority"),
    ],
)
def test_what_the_schema_does_not_know_is_warned_of(body: str, complaint: str) -> None:
    warnings = parse(document(body)).warnings
    assert any(complaint in warning for warning in warnings), warnings


def test_a_parameter_of_500_characters_is_too_long_and_left_out() -> None:
    def parameters(length: int) -> tuple[dict[str, str], list[str]]:
        read = parse(
            document(
                f'<Connect><Stream url="wss://h/s"><Parameter name="n" value="{"v" * length}"/></Stream></Connect>'
            )
        )
        (verb,) = read.verbs
        assert isinstance(verb, Connect)
        assert verb.stream is not None
        return verb.stream.parameters, read.warnings

    assert parameters(498) == ({"n": "v" * 498}, [])
    assert parameters(499)[0] == {}
    assert len(parameters(499)[1]) == 1


def test_a_rejected_call_keeps_its_reason() -> None:
    assert parse(document('<Reject reason="busy"/>')).verbs == [Reject("busy")]
    assert parse(document("<Reject/>")).verbs == [Reject("rejected")]


@pytest.mark.parametrize(
    ("language", "voice", "right"),
    [
        ("en-US", "", True),
        ("en-US", "Polly.Joanna-Neural", True),
        ("cmn-CN", "Polly.Zhiyu-Neural", True),
        ("zh-CN", "Polly.Zhiyu", True),
        ("hi-IN", "Google.hi-IN-Standard-A", True),
        ("vi-VN", "Polly.Joanna-Neural", False),
        ("es-ES", "Google.en-US-Chirp3-HD-Aoede", False),
        ("es-ES", "Nobody", False),
        ("xx", "", False),
    ],
)
def test_a_voice_has_to_speak_the_language(language: str, voice: str, right: bool) -> None:
    assert (voice_problem(language, voice) is None) is right


def test_task_attributes_are_a_json_object_or_nothing() -> None:
    assert task_attributes('{"a": 1}') == {"a": 1}
    assert task_attributes("[1]") is None
    assert task_attributes("{'a': 1}") is None
