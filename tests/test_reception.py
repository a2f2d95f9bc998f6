"""The reception: who calls is asked for a language, by key and by word, and answered in it; over real HTTP."""

import re
from urllib.parse import urlsplit

import pytest
from structlog.testing import capture_logs
from wires import CALLER, CALLER_SID, OWN_NUMBER, House, house, log_lines, parameters, spoken, tree, voices

from bmv import languages
from bmv.call.leg import Role
from bmv.languages import Language, Sentence
from bmv.telephony.menu import Menu

FIVE = Menu([languages.get(tag) for tag in ("en", "es", "fr", "zh", "hi")])
QUESTIONS = [FIVE.question(language) for language in FIVE]
EVERYTHING = ["Gather"] * 5 + ["Redirect"]


def verbs(document: str) -> list[str]:
    return [element.tag for element in tree(document)]


async def welcome(home: House, query: str = "", **fields: str) -> str:
    """What Twilio is told when it asks here."""
    form = {"CallSid": CALLER_SID, "From": CALLER, "To": OWN_NUMBER, "CallStatus": "ringing"} | fields
    response = await home.post("/welcome" + (f"?{query}" if query else ""), form)
    assert response.status == 200
    assert response.headers["Content-Type"] == "text/xml; charset=utf-8"
    return await response.text("utf-8")


def assert_answered(home: House, document: str, language: Language) -> None:
    """The caller is greeted and streamed, in the same way as by /incoming-call."""
    assert spoken(document) == [language.sentences[Sentence.GREETING], language.sentences[Sentence.INTERRUPTED]]
    assert voices(document) == {language.say_language}
    assert verbs(document) == ["Say", "Connect", "Say", "Hangup"]
    call = home.registry.find(parameters(document)["bmv_call_id"])
    assert call is not None
    assert call.caller.language is language
    assert (call.caller.call_sid, call.caller.number) == (CALLER_SID, CALLER)


# -- the menu ---------------------------------------------------------------------------------------------------------


async def test_who_calls_is_asked_in_every_language_and_no_call_exists_before_the_choice() -> None:
    async with house() as home:
        document = await welcome(home)
        assert spoken(document) == QUESTIONS
        assert verbs(document) == EVERYTHING
        assert len(home.registry) == 0


@pytest.mark.parametrize(("key", "tag"), [("1", "en"), ("2", "es"), ("3", "fr"), ("4", "zh"), ("5", "hi")])
@pytest.mark.parametrize("query", ["round=1&question=0", "round=1&question=4", "round=2&question=2"])
async def test_a_key_at_any_question_answers_in_its_language_at_once(key: str, tag: str, query: str) -> None:
    async with house() as home:
        assert_answered(home, await welcome(home, query, Digits=key), languages.get(tag))


@pytest.mark.parametrize(
    ("said", "tag"),
    [("Español.", "es"), ("HINDI", "hi"), ("je voudrais le français", "fr"), ("我要说中文", "zh"), ("2", "es")],
)
async def test_a_word_at_any_question_answers_in_its_language_at_once(said: str, tag: str) -> None:
    async with house() as home:
        document = await welcome(home, "round=1&question=0", SpeechResult=said, Confidence="0.91")
        assert_answered(home, document, languages.get(tag))


async def test_another_menu_has_its_own_keys_words_and_questions() -> None:
    async with house(menu="yue pl") as home:
        cantonese, polish = languages.get("yue"), languages.get("pl")
        offered = Menu([cantonese, polish])
        assert spoken(await welcome(home)) == [offered.question(cantonese), offered.question(polish)]
        assert_answered(home, await welcome(home, "round=1&question=0", Digits="2"), polish)
    async with house(menu="yue pl") as home:
        assert verbs(await welcome(home, "round=1&question=0", Digits="3")) == ["Gather", "Gather", "Redirect"]
        assert_answered(home, await welcome(home, "round=2&question=1", SpeechResult="廣東話"), cantonese)


@pytest.mark.parametrize("query", ["", "round=1&question=0", "round=2"])
async def test_with_one_language_there_is_nothing_to_choose(query: str) -> None:
    async with house(menu="hi") as home:
        assert_answered(home, await welcome(home, query), languages.get("hi"))


async def test_every_address_of_the_menu_is_one_we_serve() -> None:
    async with house() as home:
        document = await welcome(home)
        for _ in range(2):
            for gather in tree(document).iter("Gather"):
                action = urlsplit(gather.attrib["action"])
                assert verbs(await welcome(home, action.query)), gather.attrib["action"]
                assert action.path == "/welcome"
            redirect = urlsplit(tree(document).findtext("Redirect") or "")
            response = await home.post(f"{redirect.path}?{redirect.query}", {"CallSid": CALLER_SID, "From": CALLER})
            document = await response.text()
        assert_answered(home, document, languages.get("en"))


# -- who does not choose ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["0", "6", "9", "*", "#"])
@pytest.mark.parametrize("question", range(5))
async def test_after_a_wrong_key_everything_is_asked_again_once(key: str, question: int) -> None:
    async with house(agent="de") as home:
        again = await welcome(home, f"round=1&question={question}", Digits=key)
        assert spoken(again) == QUESTIONS
        assert "/welcome?round=2&question=0" in tree(again)[0].attrib["action"]
        assert len(home.registry) == 0
        assert_answered(home, await welcome(home, f"round=2&question={question}", Digits=key), languages.get("de"))


@pytest.mark.parametrize("said", ["German.", "I am sorry?", "English or Spanish", "Spanishness", " ", ""])
async def test_words_that_choose_nothing_lead_to_the_next_question_as_silence_does(said: str) -> None:
    async with house(agent="de") as home:
        for round_ in (1, 2):
            for question in range(4):
                document = await welcome(home, f"round={round_}&question={question}", SpeechResult=said)
                assert spoken(document) == QUESTIONS[question + 1 :]
                assert f"/welcome?round={round_}&question={question + 1}" in tree(document)[0].attrib["action"]
            document = await welcome(home, f"round={round_}&question=4", SpeechResult=said)
            if round_ == 1:
                assert spoken(document) == QUESTIONS
                assert "/welcome?round=2&question=0" in tree(document)[0].attrib["action"]
        assert_answered(home, document, languages.get("de"))


async def test_who_is_silent_is_asked_everything_once_more_and_then_answered_in_the_agents_language() -> None:
    async with house(agent="de") as home:
        first = await welcome(home)
        assert spoken(await welcome(home, urlsplit(tree(first).findtext("Redirect") or "").query)) == QUESTIONS
        second = await welcome(home, "round=2")
        assert tree(second).findtext("Redirect") == "https://voice.example.com/incoming-call?lang=agent"
        assert_answered(home, await home.incoming("agent"), languages.get("de"))


async def test_however_a_caller_answers_the_menu_comes_to_an_end() -> None:
    """Also one who is noise at every question: the call is answered after two rounds."""
    async with house() as home:
        document, asked = await welcome(home), 0
        while (first := tree(document).find("Gather")) is not None:
            asked += 1
            document = await welcome(home, urlsplit(first.attrib["action"]).query, SpeechResult="what?")
        assert asked == 2 * len(FIVE)
        assert_answered(home, document, languages.get("en"))


# -- what is harmless -------------------------------------------------------------------------------------------------


PLACES = (
    "round=x round= round=0 round=3 round=99 round=-1 round=1&round=2 round=1.0 round=%D9%A1 question=2 question=-1"
)
MORE_PLACES = "round=1&question=x question=99 Digits=2 %00=%00"


@pytest.mark.parametrize("query", [*PLACES.split(), *MORE_PLACES.split(), "round=" + "9" * 5000])
async def test_a_place_that_is_none_of_ours_is_harmless(query: str) -> None:
    with log_lines() as lines:
        async with house() as home:
            document = await welcome(home, query)
            assert set(spoken(document)) <= set(QUESTIONS)
            assert verbs(document)[-1] == "Redirect"
            assert_answered(home, await welcome(home, query, Digits="2"), languages.get("es"))
    assert "Traceback" not in lines.getvalue()


@pytest.mark.parametrize(
    "said",
    [
        "x" * 10_000,
        "\x00\x07\x1b[31m",
        '"/></Gather><Hangup/><Say>',
        "{{flow.variables.x}}",
        "\ufffe\uffff",
        "𓀀" * 500,
        "\ufdfa" * 3000,
        "español " * 1200,
    ],
)
async def test_a_hostile_answer_is_compared_and_goes_nowhere(said: str) -> None:
    with log_lines() as lines:
        async with house() as home:
            document = await welcome(home, "round=1&question=0", SpeechResult=said)
            if "español" in said:
                assert_answered(home, document, languages.get("es"))
            else:
                assert spoken(document) == QUESTIONS[1:]
                assert verbs(document) == EVERYTHING[1:]
            assert len(document) < 5000
    assert "Traceback" not in lines.getvalue()


async def test_what_was_said_and_pressed_is_never_logged() -> None:
    with log_lines() as lines:
        async with house() as home:
            await welcome(home, "round=1&question=0", SpeechResult="my card number is 4711")
            await welcome(home, "round=1&question=1", SpeechResult="quiero español, soy María")
            await welcome(home, "round=1&question=0", CallSid="CA9", Digits="7")
    text = lines.getvalue()
    assert not re.search("4711|card|María|quiero|Digits|SpeechResult", text)
    assert re.search('"by": ?"words"', text)


async def test_the_log_tells_which_language_a_caller_got_and_why() -> None:
    with capture_logs() as logs:
        async with house(agent="de") as home:
            await welcome(home, "round=1&question=0", Digits="2")
            await welcome(home, "round=1&question=0", SpeechResult="Hindi")
            await welcome(home, "round=2&question=0", Digits="9")
            await home.incoming("agent")
            await home.incoming("french")
    chosen = [(entry["language"], entry["by"]) for entry in logs if entry["event"] == "language_chosen"]
    assert chosen == [("es", "key"), ("hi", "words"), ("de", "default"), ("de", "default"), ("fr", "lang")]


async def test_a_request_without_a_call_is_refused() -> None:
    async with house() as home:
        for form in ({"From": CALLER}, {"CallSid": ""}, {"Digits": "2"}, {"CallSid": "CA" + "1" * 60_000}):
            assert (await home.post("/welcome", form)).status == 400
            assert (await home.post("/incoming-call?lang=es", form)).status == 400
        assert len(home.registry) == 0


async def test_a_request_that_twilio_did_not_sign_is_refused() -> None:
    async with house() as home:
        for query in ("", "?round=1&question=0"):
            response = await home.send("POST", f"/welcome{query}", data={"CallSid": CALLER_SID, "Digits": "2"})
            assert response.status == 403
        assert len(home.registry) == 0


async def test_a_caller_without_a_number_chooses_like_any_other() -> None:
    async with house() as home:
        response = await home.post("/welcome?round=1&question=0", {"CallSid": CALLER_SID, "Digits": "2"})
        assert spoken(await response.text())[0] == languages.get("es").sentences[Sentence.GREETING]


@pytest.mark.parametrize("fields", [{"Digits": "2"}, {"SpeechResult": "Español."}])
async def test_a_choice_that_is_delivered_twice_makes_one_call_and_both_answers_work(fields: dict[str, str]) -> None:
    async with house(max_calls=1) as home:
        first, second = [parameters(await welcome(home, "round=1&question=1", **fields)) for _ in range(2)]
        assert len(home.registry) == 1
        assert first["bmv_call_id"] == second["bmv_call_id"]
        call = home.registry.find(first["bmv_call_id"])
        assert call is not None
        assert first["bmv_token"] == second["bmv_token"]
        assert call.tokens.redeem(first["bmv_token"]) is Role.CALLER


async def test_a_last_answer_that_chooses_nothing_may_come_twice_too() -> None:
    async with house(max_calls=1) as home:
        for _ in range(2):  # the second time all lines are taken, by this very call
            assert_answered(home, await welcome(home, "round=2&question=4", Digits="9"), languages.get("en"))
        assert len(home.registry) == 1


async def test_the_menu_delivered_twice_is_the_same_menu() -> None:
    async with house() as home:
        assert await welcome(home) == await welcome(home)
        wrong = [await welcome(home, "round=1&question=1", Digits="9") for _ in range(2)]
        assert wrong[0] == wrong[1]


# -- when no call is taken --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("why", ["MAX_CALLS", "shutting down"])
async def test_who_will_not_be_taken_is_told_at_the_door_in_every_language_and_is_not_asked_to_choose(why: str) -> None:
    with capture_logs() as logs:
        async with house(max_calls=1) as home:
            if why == "MAX_CALLS":
                await home.incoming(CallSid="CA8")
            else:
                home.registry.draining = True
            for query in ("", "round=2", "round=1&question=0"):
                document = await welcome(home, query)
                assert spoken(document) == [language.sentences[Sentence.BUSY] for language in FIVE]
                assert verbs(document) == ["Say"] * 5 + ["Hangup"]
            assert home.registry.find_by_call_sid(CALLER_SID) is None
    assert any(entry["event"] == "call_refused" and why in entry["reason"] for entry in logs)


async def test_who_has_chosen_when_the_last_line_is_taken_is_told_in_the_chosen_language() -> None:
    async with house(max_calls=1) as home:
        await welcome(home)
        await home.incoming(CallSid="CA8")
        document = await welcome(home, "round=1&question=1", Digits="2")
        spanish = languages.get("es")
        assert spoken(document) == [spanish.sentences[Sentence.BUSY]]
        assert (verbs(document), voices(document)) == (["Say", "Hangup"], {spanish.say_language})


async def test_with_one_language_the_refusal_is_in_it() -> None:
    async with house(max_calls=1, menu="hi") as home:
        await home.incoming(CallSid="CA8")
        assert spoken(await welcome(home)) == [languages.get("hi").sentences[Sentence.BUSY]]
