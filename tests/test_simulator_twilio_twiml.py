"""TwiML as the fake Twilio reads it: what is performed, what is warned of."""

import pytest

from bmv.simulator.twilio.speakers import voice_problem
from bmv.simulator.twilio.twiml import TwimlError, parse, task_attributes
from bmv.simulator.twilio.verbs import Connect, Enqueue, Gather, Hangup, Pause, Play, Redirect, Reject, Say, Stream


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
        ('<Gather maxSpeechTime="5"/>', "maxSpeechTime"),
        ("<Gather><Redirect>/x</Redirect></Gather>", "<Redirect> cannot be inside"),
        ("<Gather>Press a key</Gather>", "text between"),
        ('<Gather><Say voice="Nobody">x</Say></Gather>', "Nobody"),
        ('<Gather input="keys"/>', "keys"),
        ('<Gather timeout="0"/>', "timeout"),
        ('<Gather numDigits="0"/>', "numDigits"),
        ('<Gather finishOnKey="##"/>', "finishOnKey"),
        ('<Gather method="PUT"/>', "PUT"),
        ('<Gather bargeIn="yes"/>', "bargeIn"),
        ('<Gather actionOnEmptyResult="1"/>', "actionOnEmptyResult"),
        ('<Gather profanityFilter="off"/>', "profanityFilter"),
        ('<Gather enhanced="very"/>', "enhanced"),
        (f'<Gather hints="{"a" * 101}"/>', "100 characters"),
        (f'<Gather hints="{"a," * 501}"/>', "501 hints"),
    ],
)
def test_what_the_schema_does_not_know_is_warned_of(body: str, complaint: str) -> None:
    warnings = parse(document(body)).warnings
    assert any(complaint in warning for warning in warnings), warnings


def test_a_gather_keeps_its_attributes_and_its_prompt() -> None:
    text = document(
        '<Gather input="speech dtmf" action="/a" method="GET" timeout="3" speechTimeout="auto" numDigits="1"'
        ' finishOnKey="" language="es-MX" hints="uno, dos palabras" profanityFilter="false" enhanced="true"'
        ' bargeIn="false" actionOnEmptyResult="true" partialResultCallback="/p" partialResultCallbackMethod="GET">'
        '<Say language="es-MX">Diga</Say><Pause/><Play>/x.wav</Play></Gather>'
    )
    read = parse(text)
    assert not read.warnings
    assert not read.other_warnings
    assert read.verbs == [
        Gather(
            action="/a",
            method="GET",
            input=frozenset({"dtmf", "speech"}),
            timeout=3,
            speech_timeout=0,
            num_digits=1,
            finish_on_key="",
            language="es-MX",
            hints=("uno", "dos palabras"),
            barge_in=False,
            action_on_empty_result=True,
            partial_result_callback="/p",
            partial_result_callback_method="GET",
            prompt=(Say("Diga", "es-MX", "", 1), Pause(1), Play("/x.wav")),
        )
    ]


def test_a_bare_gather_has_the_documented_defaults() -> None:
    assert parse(document("<Gather/>")).verbs == [Gather()]
    assert Gather().speech_timeout == Gather().timeout == 5
    assert parse(document('<Gather timeout="9"/>')).verbs == [Gather(timeout=9, speech_timeout=9)]


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ('language="es"', 13512),
        ('language="he-IL"', 13512),
        ('language="zh-CN"', 13512),
        ('speechTimeout="0"', 13327),
        ('speechModel="best"', 13334),
        ('speechModel="phone_call" speechTimeout="auto"', 13327),
    ],
)
def test_what_the_recogniser_does_not_know_has_a_code_of_its_own(attributes: str, code: int) -> None:
    read = parse(document(f'<Gather input="speech" {attributes}/>'))
    assert [each for each, _ in read.other_warnings] == [code]
    assert read.warnings == []


@pytest.mark.parametrize("language", ["es-MX", "cmn-Hans-CN", "yue-Hant-HK", "iw-IL", "fil-PH", "ar-AE", "nb-NO"])
def test_the_recogniser_knows_the_tags_of_twilio_s_list(language: str) -> None:
    assert parse(document(f'<Gather input="speech" language="{language}"/>')).other_warnings == []


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
