"""What we tell Twilio to do, parsed back and compared with what its documents allow."""

import json
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wires import parameters, tree

from bmv.call.leg import Role
from bmv.languages import LANGUAGES, Language, Sentence
from bmv.telephony import twiml
from bmv.telephony.menu import Menu
from bmv.telephony.twiml import Addresses, StreamInvitation

ADDRESSES = Addresses("voice.example.com")
INVITATION = StreamInvitation("0123456789abcdef01234567", Role.CALLER, "t" * 32)
SPANISH = LANGUAGES["es"]
GREETING = (Sentence.GREETING,)
FIVE = Menu([LANGUAGES[tag] for tag in ("en", "es", "fr", "zh", "hi")])
HOSTILE = "\"/><Hangup/><Say x='&amp;\u2028é"

# By verb or noun, the attributes of Twilio's TwiML reference (of `<Say>` and `<Reject>` those in use).
ALLOWED = {
    "Response": set(),
    "Say": {"voice", "language", "loop"},
    "Connect": {"action", "method"},
    "Stream": {"url", "name", "track", "statusCallback", "statusCallbackMethod"},
    "Parameter": {"name", "value"},
    "Gather": {
        *("input", "numDigits", "finishOnKey", "timeout", "speechTimeout", "language", "hints", "action", "method"),
        *("partialResultCallback", "partialResultCallbackMethod", "profanityFilter", "speechModel", "enhanced"),
        "actionOnEmptyResult",
    },
    "Redirect": {"method"},
    "Hangup": set(),
    "Reject": {"reason"},
    "Enqueue": {"workflowSid", "action", "method", "waitUrl", "waitUrlMethod"},
    "Task": {"priority", "timeout"},
}


def every_document() -> list[str]:
    return [
        twiml.answer_caller(INVITATION, ADDRESSES, SPANISH, GREETING),
        twiml.stream_called(INVITATION, ADDRESSES, None),
        twiml.stream_called(INVITATION, ADDRESSES, SPANISH),
        twiml.enqueue("WW1", {"name": "+34612345678", "bmv_call_id": "c"}),
        twiml.say("Adiós.", SPANISH),
        twiml.say_in_each(Sentence.BUSY, FIVE),
        twiml.ask_language(FIVE, ADDRESSES),
        twiml.ask_language(FIVE, ADDRESSES, round=2, question=4),
        twiml.reject(),
    ]


def outline(element: ElementTree.Element) -> list[object]:
    """Give the tags of a document, nested as they are."""
    return [element.tag, *(outline(child) for child in element)] if len(element) else [element.tag]


@pytest.mark.parametrize("document", every_document())
def test_every_document_holds_only_what_twilio_knows(document: str) -> None:
    assert document.startswith('<?xml version="1.0" encoding="UTF-8"?>')
    root = tree(document)
    assert root.tag == "Response"
    for element in root.iter():
        assert set(element.attrib) <= ALLOWED[element.tag], element.tag


def test_the_caller_is_greeted_then_streamed_and_told_if_the_stream_ends() -> None:
    root = tree(twiml.answer_caller(INVITATION, ADDRESSES, SPANISH, (Sentence.GREETING, Sentence.UNTRANSLATED)))
    stream = ["Stream", ["Parameter"], ["Parameter"], ["Parameter"]]
    assert outline(root) == ["Response", ["Say"], ["Say"], ["Connect", stream], ["Say"], ["Hangup"]]
    spoken = [SPANISH.sentences[each] for each in (Sentence.GREETING, Sentence.UNTRANSLATED, Sentence.INTERRUPTED)]
    assert [say.text for say in root.iter("Say")] == spoken


def test_the_agent_call_streams_at_once_and_ends_with_its_stream() -> None:
    root = tree(twiml.stream_called(INVITATION, ADDRESSES, None))
    stream = ["Stream", ["Parameter"], ["Parameter"], ["Parameter"]]
    assert outline(root) == ["Response", ["Connect", stream], ["Hangup"]]


def test_somebody_whom_we_called_is_told_when_the_stream_ends_without_our_saying_why() -> None:
    root = tree(twiml.stream_called(INVITATION, ADDRESSES, SPANISH))
    assert [element.tag for element in root] == ["Connect", "Say", "Hangup"]
    assert root.findtext("Say") == SPANISH.sentences[Sentence.CUT_OFF]


@pytest.mark.parametrize("document", every_document()[:3])
def test_the_stream_goes_to_one_address_without_a_query(document: str) -> None:
    stream = tree(document).find("Connect/Stream")
    assert stream is not None
    assert stream.attrib["url"] == "wss://voice.example.com/intercept"  # Twilio: a query string there is 31920


@pytest.mark.parametrize("role", Role)
def test_the_stream_says_whose_it_is_and_reports_how_it_fares(role: Role) -> None:
    invitation = StreamInvitation("c1", role, "secret")
    document = twiml.stream_called(invitation, ADDRESSES, None)
    assert parameters(document) == {"bmv_call_id": "c1", "bmv_role": role.value, "bmv_token": "secret"}
    stream = tree(document).find("Connect/Stream")
    assert stream is not None
    callback = urlsplit(stream.attrib["statusCallback"])
    assert (callback.scheme, callback.netloc, callback.path) == ("https", "voice.example.com", "/stream-status")
    assert parse_qs(callback.query) == {"bmv_call_id": ["c1"], "bmv_role": [role.value]}
    assert stream.attrib["statusCallbackMethod"] == "POST"


def test_each_stream_parameter_is_shorter_than_twilio_allows() -> None:
    for name, value in parameters(twiml.stream_called(INVITATION, ADDRESSES, None)).items():
        assert len(name) + len(value) < 500


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")))
def test_no_id_or_token_breaks_out_of_its_attribute(text: str) -> None:
    for hostile in (text, HOSTILE):
        document = twiml.stream_called(StreamInvitation(hostile, Role.AGENT, hostile), ADDRESSES, None)
        given_back = parameters(document)
        assert (given_back["bmv_call_id"], given_back["bmv_token"]) == (hostile, hostile)
        root = tree(document)
        assert len(list(root.iter())) == 7
        stream = root.find("Connect/Stream")
        assert stream is not None
        query = parse_qs(urlsplit(stream.attrib["statusCallback"]).query, keep_blank_values=True)
        assert query["bmv_call_id"] == [hostile]


def test_a_callback_names_its_call_and_role() -> None:
    callback = ADDRESSES.callback("/call-status", "a&b=c d", Role.AGENT)
    assert callback == "https://voice.example.com/call-status?bmv_call_id=a%26b%3Dc+d&bmv_role=agent"


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_a_task_is_one_json_object_whatever_the_caller_is_called(name: str) -> None:
    attributes: dict[str, object] = {
        "name": name,
        "hostile": f'","skills":["admin"]}}</Task>{HOSTILE}',
        "conversations": {"language": "Spanish"},
    }
    root = tree(twiml.enqueue("WW1", attributes))
    assert outline(root) == ["Response", ["Enqueue", ["Task"]]]
    assert json.loads(root.findtext("Enqueue/Task") or "") == attributes


def test_a_queued_call_waits_in_silence_in_its_workflow() -> None:
    enqueue = tree(twiml.enqueue("WW1", {})).find("Enqueue")
    assert enqueue is not None
    assert enqueue.attrib == {"workflowSid": "WW1", "waitUrl": ""}  # music would be heard, and translated
    assert not (enqueue.text or "").strip()


def test_a_call_nobody_waits_for_is_not_even_answered() -> None:
    assert outline(tree(twiml.reject())) == ["Response", ["Reject"]]


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES)
def test_every_sentence_is_spoken_in_the_voice_of_its_language(language: Language) -> None:
    voice = {"voice": language.say_voice, "language": language.say_language}
    for sentence in Sentence:
        root = tree(twiml.say(language.sentences[sentence], language))
        assert outline(root) == ["Response", ["Say"], ["Hangup"]]
        assert root[0].attrib == voice
        assert root[0].text == language.sentences[sentence]
    greeted = tree(twiml.answer_caller(INVITATION, ADDRESSES, language, GREETING))
    assert all(say.attrib == voice for say in greeted.iter("Say"))


# -- the menu ---------------------------------------------------------------------------------------------------------


def gathers(document: str) -> list[ElementTree.Element]:
    return list(tree(document).iter("Gather"))


def test_every_language_is_asked_by_its_own_voice_and_listened_to_in_its_own_language() -> None:
    document = twiml.ask_language(FIVE, ADDRESSES)
    assert outline(tree(document)) == ["Response", *[["Gather", ["Say"]]] * 5, ["Redirect"]]
    for gather, language in zip(gathers(document), FIVE, strict=True):
        assert gather[0].attrib == {"voice": language.say_voice, "language": language.say_language}
        assert gather[0].text == FIVE.question(language)
        assert gather.attrib["language"] == language.hears
        assert language.own.casefold() in gather.attrib["hints"].split(", ")


def test_a_key_and_a_word_are_taken_the_key_at_once_and_no_key_is_swallowed() -> None:
    for gather in gathers(twiml.ask_language(FIVE, ADDRESSES)):
        assert gather.attrib["input"] == "dtmf speech"
        assert (gather.attrib["numDigits"], gather.attrib["finishOnKey"]) == ("1", "")
        assert gather.attrib["speechTimeout"] == "auto"
        assert "speechModel" not in gather.attrib  # Twilio refuses "auto" with one (13327)


def test_after_the_last_question_a_caller_has_more_time() -> None:
    assert [each.attrib["timeout"] for each in gathers(twiml.ask_language(FIVE, ADDRESSES))] == [
        "1",
        "1",
        "1",
        "1",
        "5",
    ]


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES)
def test_the_hints_are_within_what_twilio_allows(language: Language) -> None:
    (gather,) = gathers(twiml.ask_language(Menu([language]), ADDRESSES))
    hints = gather.attrib["hints"].split(", ")
    assert 1 <= len(hints) <= 500
    assert all(1 <= len(hint) <= 100 and "," not in hint for hint in hints)


def test_an_answer_goes_to_an_address_that_says_where_in_the_menu_it_was_given() -> None:
    for round_, first in ((1, 0), (2, 0), (1, 3)):
        document = twiml.ask_language(FIVE, ADDRESSES, round=round_, question=first)
        actions = [each.attrib["action"] for each in gathers(document)]
        assert actions == [
            f"https://voice.example.com/welcome?round={round_}&question={number}" for number in range(first, 5)
        ]
        assert {each.attrib["method"] for each in gathers(document)} == {"POST"}


def test_who_is_silent_is_asked_once_more_and_then_answered_in_the_agents_language() -> None:
    first, second = (tree(twiml.ask_language(FIVE, ADDRESSES, round=number))[-1] for number in (1, 2))
    assert (first.tag, first.text) == ("Redirect", "https://voice.example.com/welcome?round=2")
    assert (second.tag, second.text) == ("Redirect", "https://voice.example.com/incoming-call?lang=agent")
    assert first.attrib == second.attrib == {"method": "POST"}


def test_what_everybody_must_understand_is_said_in_every_language_of_the_menu_in_turn() -> None:
    root = tree(twiml.say_in_each(Sentence.BUSY, FIVE))
    assert outline(root) == ["Response", *[["Say"]] * 5, ["Hangup"]]
    assert [say.text for say in root.iter("Say")] == [language.sentences[Sentence.BUSY] for language in FIVE]
    assert [say.attrib["language"] for say in root.iter("Say")] == [language.say_language for language in FIVE]


def test_all_we_send_by_rest_fits_into_4000_characters() -> None:
    long_host = Addresses("x" * 63 + ".example-with-a-long-name.ngrok-free.app")
    for language in LANGUAGES.values():
        assert len(twiml.stream_called(INVITATION, long_host, language)) < 4000
        for sentence in Sentence:
            assert len(twiml.say(language.sentences[sentence], language)) < 4000
