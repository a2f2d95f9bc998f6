"""A caller who has chosen a language elsewhere, or none: greeted and streamed, once, whatever is delivered again."""

import pytest
from structlog.testing import capture_logs
from wires import CALLER, CALLER_SID, house, parameters, spoken, tree, voices

from bmv import languages
from bmv.call.state import EndReason
from bmv.languages import Sentence


@pytest.mark.parametrize(
    ("lang", "tag"),
    [
        ("english", "en"),
        ("spanish", "es"),
        ("french", "fr"),
        ("mandarin", "zh"),
        ("hindi", "hi"),
        ("es-MX", "es"),
        ("SPANISH", "es"),
        ("espa%C3%B1ol", "es"),
        ("agent", "en"),
        ("Agent", "en"),
    ],
)
async def test_a_caller_is_greeted_in_the_language_they_chose(lang: str, tag: str) -> None:
    language = languages.get(tag)
    async with house() as home:
        document = await home.incoming(lang)
        call = home.registry.find(parameters(document)["bmv_call_id"])
        assert call is not None
        assert call.caller.language is language
        assert (call.caller.call_sid, call.caller.number) == (CALLER_SID, CALLER)
    assert spoken(document) == [language.sentences[Sentence.GREETING], language.sentences[Sentence.INTERRUPTED]]
    assert voices(document) == {language.say_language}
    assert parameters(document)["bmv_role"] == "caller"


@pytest.mark.parametrize("target", ["/incoming-call", "/incoming-call?lang=", "/incoming-call?lang=klingon"])
async def test_a_caller_of_unknown_language_is_not_lost_and_goes_through_untranslated(target: str) -> None:
    english = languages.get("en")
    with capture_logs() as logs:
        async with house() as home:
            response = await home.post(target, {"CallSid": CALLER_SID, "From": CALLER})
            document = await response.text()
            call = home.registry.find(parameters(document)["bmv_call_id"])
            assert call is not None
            assert call.caller.language is None
    sentences = (Sentence.GREETING, Sentence.UNTRANSLATED, Sentence.INTERRUPTED)
    assert spoken(document) == [english.sentences[sentence] for sentence in sentences]
    assert "language_unknown" in [entry["event"] for entry in logs]


async def test_the_answer_is_twiml_in_utf_8() -> None:
    async with house() as home:
        response = await home.post("/incoming-call?lang=zh", {"CallSid": CALLER_SID})
        assert response.headers["Content-Type"] == "text/xml; charset=utf-8"
        assert languages.get("zh").sentences[Sentence.GREETING] in await response.text("utf-8")


async def test_a_webhook_delivered_twice_makes_one_call_and_gets_the_same_answer() -> None:
    async with house() as home:
        first, second = await home.incoming(), await home.incoming()
        assert len(home.registry) == 1
        assert first == second


async def test_a_webhook_played_back_while_its_stream_runs_opens_nothing() -> None:
    async with house() as home:
        custom = parameters(await home.incoming())
        await home.stream(custom)
        await home.carrier.until_dialled()
        document = await home.incoming()
        assert tree(document).find("Connect") is None
        assert custom["bmv_token"] not in document
        assert len(home.registry) == 1


async def test_a_webhook_played_back_when_its_call_is_over_makes_no_other_call() -> None:
    async with house() as home:
        call = await home.call()
        call.end(EndReason.CALLER_HUNG_UP)
        await home.over()
        home.registry.draining = False
        document = await home.incoming()
        assert tree(document).find("Connect") is None
        assert len(home.registry) == 0


@pytest.mark.parametrize("number", [CALLER, "anonymous", "+266696687", "sip:alice@example.com", ""])
async def test_two_calls_from_one_number_are_two_calls(number: str) -> None:
    async with house() as home:
        documents = [await home.incoming(From=number, CallSid=f"CA{each}") for each in (1, 2)]
        ids = {parameters(document)["bmv_call_id"] for document in documents}
        assert len(home.registry) == len(ids) == 2


async def test_beyond_the_limit_a_caller_is_told_so_in_their_language_and_hung_up() -> None:
    spanish = languages.get("es")
    async with house(max_calls=1) as home:
        await home.incoming()
        document = await home.incoming("es", CallSid="CA9")
        assert len(home.registry) == 1
    assert spoken(document) == [spanish.sentences[Sentence.BUSY]]
    assert [element.tag for element in tree(document)] == ["Say", "Hangup"]
