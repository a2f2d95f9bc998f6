"""`<Gather>` of the fake Twilio: keys and words of the far end, what they interrupt, and what the server is told."""

import asyncio

import pytest
from simulator_twilio_server import CALLER, FLEX, FRONT, Server, a_company, a_tone, connect, create, twiml

from bmv.simulator.twilio import Call, FakeTwilio, Party

FIELDS = ("Digits", "FinishedOnKey", "SpeechResult", "Confidence")
PROMPT = "<Say>Press a key</Say>"


def gather(attributes: str, prompt: str = PROMPT, after: str = "<Say>nothing</Say>") -> str:
    return twiml(f'<Gather action="/chosen" {attributes}>{prompt}</Gather>{after}')


async def a_menu(twilio: FakeTwilio, server: Server, page: str) -> Call:
    """A call that listens already."""
    server.pages["/front"] = page
    server.pages["/chosen"] = twiml("<Say>chosen</Say>")
    call = await twilio.dial(from_=CALLER, to=FRONT, party=Party())
    await call.gathering(1)
    return call


def result(server: Server) -> dict[str, str] | None:
    """What the last request of the action carried of the input; None if there was none."""
    forms = [form for path, form in server.forms if path == "/chosen"]
    return {name: forms[-1][name] for name in FIELDS if name in forms[-1]} if forms else None


async def test_a_key_is_told_to_the_action_and_its_document_takes_over() -> None:
    async with a_company() as (twilio, server):
        call = await a_menu(twilio, server, gather('numDigits="1"'))
        call.press("2")
        assert await call.ended(1) == "completed"
        assert result(server) == {"Digits": "2", "FinishedOnKey": ""}
        assert dict(server.forms)["/chosen"]["CallSid"] == call.sid
        assert [text for text, _ in call.said] == ["Press a key", "chosen"]
        assert twilio.alerts == []


@pytest.mark.parametrize(
    ("attributes", "keys", "told"),
    [
        ("", "12#", {"Digits": "12", "FinishedOnKey": "#"}),
        ('finishOnKey="*"', "1#*", {"Digits": "1#", "FinishedOnKey": "*"}),
        ('finishOnKey="" numDigits="3"', "1#*", {"Digits": "1#*", "FinishedOnKey": ""}),
        ('numDigits="2"', "123", {"Digits": "12", "FinishedOnKey": ""}),
        ('timeout="1"', "7", {"Digits": "7", "FinishedOnKey": ""}),
        ("", "#", None),
        ('actionOnEmptyResult="true"', "#", {}),
        ('input="speech" timeout="1"', "1", None),
    ],
)
async def test_keys_are_gathered_as_the_attributes_say(attributes: str, keys: str, told: dict[str, str] | None) -> None:
    async with a_company() as (twilio, server):
        call = await a_menu(twilio, server, gather(attributes))
        call.press(keys)
        await call.ended(2)
        assert result(server) == told
        assert call.said[-1][0] == ("nothing" if told is None else "chosen")


async def test_words_are_told_as_the_recogniser_wrote_them() -> None:
    async with a_company() as (twilio, server):
        call = await a_menu(twilio, server, gather('input="speech" speechTimeout="auto" language="es-MX"'))
        call.say_words("español", confidence=0.75)
        await call.ended(1)
        assert result(server) == {"SpeechResult": "español", "Confidence": "0.75"}
        assert call.gatherings[0].verb.language == "es-MX"


async def test_a_confidence_may_be_missing() -> None:
    async with a_company() as (twilio, server):
        call = await a_menu(twilio, server, gather('input="dtmf speech" speechTimeout="auto"'))
        call.say_words("English", confidence=None)
        await call.ended(1)
        assert result(server) == {"SpeechResult": "English"}


async def test_speech_is_over_after_a_pause_of_the_speech_timeout() -> None:
    async with a_company() as (twilio, server):
        call = await a_menu(twilio, server, gather('input="speech" timeout="9" speechTimeout="1"'))
        begin = asyncio.get_running_loop().time()
        call.say_words("hablo")
        await asyncio.sleep(0.3)
        call.say_words("español")
        await call.ended(3)
        assert asyncio.get_running_loop().time() - begin >= 1.25
        assert result(server) == {"SpeechResult": "hablo español", "Confidence": "0.9"}


@pytest.mark.parametrize("key_first", [True, False])
async def test_the_first_kind_of_input_wins(key_first: bool) -> None:
    async with a_company() as (twilio, server):
        call = await a_menu(twilio, server, gather('input="dtmf speech" timeout="1" speechTimeout="1"'))
        for enter in (call.press, call.say_words) if key_first else (call.say_words, call.press):
            enter("2")
        await call.ended(3)
        assert set(result(server) or {}) == set(FIELDS[:2] if key_first else FIELDS[2:])
        assert bool(call.gatherings[0].digits) is key_first
        assert bool(call.gatherings[0].words) is not key_first


async def test_without_input_the_next_verb_comes_after_the_timeout() -> None:
    async with a_company(say=lambda *_: a_tone(0.3)) as (twilio, server):
        begin = asyncio.get_running_loop().time()
        call = await a_menu(twilio, server, gather('input="dtmf speech" timeout="1"'))
        await server.until(lambda: call.gatherings[0].over)
        assert asyncio.get_running_loop().time() - begin >= 1.25  # the prompt, then the timeout
        await call.ended(1)
        assert result(server) is None
        assert call.said[-1] == ("nothing", "en-US")
        assert "Digits" not in server.forms[-1][1]


async def test_without_input_the_action_may_be_asked_all_the_same() -> None:
    async with a_company() as (twilio, server):
        call = await a_menu(twilio, server, gather('timeout="1" actionOnEmptyResult="true"'))
        await call.ended(2)
        assert result(server) == {}
        assert call.said[-1][0] == "chosen"


@pytest.mark.parametrize("enter", ["press", "say_words"])
async def test_input_ends_the_prompt(enter: str) -> None:
    async with a_company(say=lambda *_: a_tone(30)) as (twilio, server):
        page = gather('input="dtmf speech" numDigits="1" speechTimeout="auto"', PROMPT + "<Say>or another</Say>")
        call = await a_menu(twilio, server, page)
        party = call.far
        assert isinstance(party, Party)
        await party.hears_speech(1)
        server.pages["/chosen"] = twiml('<Pause length="9"/>')
        getattr(call, enter)("2")
        await party.hears_quiet(0.1, 1)
        assert call.said == [("Press a key", "en-US")]


async def test_without_barge_in_words_do_not_end_the_prompt_but_count() -> None:
    async with a_company(say=lambda *_: a_tone(0.3)) as (twilio, server):
        page = gather('input="dtmf speech" speechTimeout="auto" bargeIn="false"', PROMPT + "<Say>or another</Say>")
        call = await a_menu(twilio, server, page)
        call.say_words("two")
        await call.ended(3)
        assert [text for text, _ in call.said] == ["Press a key", "or another", "chosen"]
        assert (result(server) or {})["SpeechResult"] == "two"


async def test_a_prompt_may_be_several_sentences_and_pauses() -> None:
    async with a_company() as (twilio, server):
        prompt = '<Say>one</Say><Pause length="1"/><Play>/x.wav</Play><Say language="es-MX">dos</Say>'
        call = await a_menu(twilio, server, gather('timeout="1"', prompt))
        assert call.said == [("one", "en-US")]
        await server.until(lambda: call.said == [("one", "en-US"), ("dos", "es-MX")])
        call.press("#")
        await call.ended(1)


async def test_keys_between_two_gathers_of_a_document_are_for_the_next() -> None:
    async with a_company(say=lambda *_: a_tone(0.2)) as (twilio, server):
        gathers = [f'<Gather action="/chosen" numDigits="1" timeout="1">{PROMPT}</Gather>' for _ in range(2)]
        call = await a_menu(twilio, server, twiml("<Say>between</Say>".join(gathers)))
        await server.until(lambda: call.gatherings[0].over)
        call.press("34")
        await call.ended(2)
        assert result(server) == {"Digits": "3", "FinishedOnKey": ""}
        assert [text for text, _ in call.said].count("Press a key") == 1  # the second prompt was not needed


async def test_keys_of_one_document_are_not_for_another() -> None:
    async with a_company() as (twilio, server):
        call = await a_menu(twilio, server, gather('numDigits="1"'))
        server.pages["/chosen"] = gather('timeout="1"')
        call.press("123")
        await server.until(lambda: len(call.gatherings) == 2)
        assert call.gatherings[1].digits == ""


async def test_without_an_action_the_document_itself_is_asked_for() -> None:
    async with a_company() as (twilio, server):
        call = await a_menu(twilio, server, twiml('<Gather numDigits="1"/>'))
        server.pages["/front"] = twiml("<Say>again</Say>")
        call.press("1")
        await call.ended(1)
        assert [form.get("Digits") for path, form in server.forms if path == "/front"] == [None, "1"]
        assert twilio.webhooks[1].url == "https://bmv.test/front?lang=es"


async def test_an_action_may_be_asked_by_get() -> None:
    async with a_company() as (twilio, server):
        call = await a_menu(twilio, server, gather('numDigits="1" method="GET"'))
        call.press("1")
        await call.ended(1)
        assert "&Digits=1&" in next(hook.url for hook in twilio.webhooks if hook.path == "/chosen")


async def test_a_relative_action_of_a_document_that_came_by_rest_leads_nowhere() -> None:
    async with a_company() as (twilio, server):
        server.pages["/flex"] = twiml('<Pause length="9"/>')
        await create(twilio, {"To": FLEX, "From": FRONT, "Twiml": gather('numDigits="1"')})
        call = await twilio.next_call(1)
        await call.gathering(1)
        call.press("1")
        await call.ended(1)
        assert [alert.code for alert in twilio.alerts] == [11100]


async def test_partial_results_come_while_words_are_said() -> None:
    async with a_company() as (twilio, server):
        attributes = 'input="speech" speechTimeout="1" partialResultCallback="/partial"'
        call = await a_menu(twilio, server, gather(attributes))
        call.say_words("hablo español")
        call.say_words("poco")
        expected = ["hablo", "hablo español", "hablo español poco"]
        await server.until(lambda: server.events("/partial", "UnstableSpeechResult") == expected)
        assert server.events("/partial", "SequenceNumber") == ["0", "1", "2"]
        await call.ended(2)
        assert (result(server) or {})["SpeechResult"] == "hablo español poco"


async def test_who_hangs_up_while_it_listens_is_gone() -> None:
    async with a_company() as (twilio, server):
        call = await a_menu(twilio, server, gather(""))
        call.press("1")
        await call.hang_up()
        assert result(server) is None
        assert call.gatherings[0].over
        with pytest.raises(RuntimeError, match="completed"):
            call.press("1")


async def test_new_twiml_by_rest_ends_a_gather() -> None:
    async with a_company() as (twilio, server):
        call = await a_menu(twilio, server, gather(""))
        assert (await create(twilio, {"Twiml": twiml("<Say>New</Say>")}, f"/{call.sid}"))[0] == 200
        await call.ended(1)
        assert call.said[-1] == ("New", "en-US")


async def test_a_stream_after_a_menu_hears_the_keys_again() -> None:
    async with a_company() as (twilio, server):
        call = await a_menu(twilio, server, gather('numDigits="1"'))
        server.pages["/chosen"] = connect()
        call.press("1")
        socket = await server.socket()
        call.press("5")
        await server.until(lambda: [m["dtmf"]["digit"] for m in socket.of("dtmf")] == ["5"])


async def test_what_is_wrong_with_a_gather_is_an_alert_and_it_works_as_far_as_possible() -> None:
    async with a_company() as (twilio, server):
        call = await a_menu(twilio, server, gather('numDigits="1" mood="gay" language="es"'))
        call.press("1")
        await call.ended(1)
        assert [alert.code for alert in twilio.alerts] == [12200, 13512]
        assert result(server) == {"Digits": "1", "FinishedOnKey": ""}


async def test_a_bug_in_a_prompt_ends_the_script() -> None:
    def speaker(text: str, language: str) -> bytes:
        raise ZeroDivisionError("a bug")

    async def script() -> None:
        async with a_company(say=speaker) as (twilio, server):
            await a_menu(twilio, server, gather(""))
            await asyncio.sleep(5)

    with pytest.raises(BaseExceptionGroup) as error:
        await script()
    assert error.value.subgroup(ZeroDivisionError) is not None
