"""The Studio flow: whole, importable by hand, and no caller is dropped in it, whatever the menu."""

import re
from itertools import product
from pathlib import Path

import pytest
from studio import PLACEHOLDER, WIDGETS, Answer, Flow, Pressed, Said, Walk, gives, presses, silent

from bmv import languages
from bmv.config import SETTINGS, parsers
from bmv.languages import LANGUAGES, Language, Sentence
from bmv.telephony import flow
from bmv.telephony.menu import MOST_LANGUAGES, Menu, names

ROOT = Path(__file__).parent.parent
FLOW = Flow((ROOT / "flows" / "inbound_language.json").read_text("utf-8"))
KEYS = {"1": "en", "2": "es", "3": "fr", "4": "zh", "5": "hi"}
QUESTIONS = 5

# The pairs of `language` and `voice` that Twilio's `<Say>` offers for the usual menu's languages.
VOICES = {
    ("en-US", "Polly.Joanna-Neural"),
    ("es-MX", "Polly.Mia-Neural"),
    ("fr-FR", "Polly.Lea-Neural"),
    ("cmn-CN", "Polly.Zhiyu-Neural"),
    ("hi-IN", "Polly.Kajal-Neural"),
}

MENUS = {
    "usual": list(KEYS.values()),
    "other way round": list(KEYS.values())[::-1],
    "one": ["hi"],
    "two": ["yue", "zh"],
    "first nine": list(LANGUAGES)[:MOST_LANGUAGES],
    "last nine": list(LANGUAGES)[-MOST_LANGUAGES:],
}


def menu(tags: list[str]) -> Menu:
    return Menu([languages.get(tag) for tag in tags])


BUILT = {name: Flow(flow.text(menu(tags))) for name, tags in MENUS.items()}
CHOICES = [name for name, tags in MENUS.items() if len(tags) > 1]

each_menu = pytest.mark.parametrize("name", MENUS)
each_choice = pytest.mark.parametrize("name", CHOICES)


# --- The file -------------------------------------------------------------------------------------------------------


def test_the_file_is_what_is_made_of_the_usual_menu_today() -> None:
    (usual,) = (setting.default or "" for setting in SETTINGS if setting.name == "CALLER_LANGUAGES")
    assert FLOW.text == flow.text(Menu(parsers.menu(usual))), "stale: run python scripts/build_flow.py"
    assert [language.tag for language in parsers.menu(usual)] == list(KEYS.values())


def test_the_placeholder_stands_in_the_file_once() -> None:
    assert FLOW.text.count(PLACEHOLDER) == 1
    assert FLOW.text.count("your-") == 1


def test_the_readme_names_the_placeholder_by_the_same_text() -> None:
    assert PLACEHOLDER == flow.PLACEHOLDER
    assert PLACEHOLDER in (ROOT / "README.md").read_text("utf-8")


@each_menu
def test_the_definition_has_the_shape_that_studio_imports(name: str) -> None:
    definition = BUILT[name].definition
    assert set(definition) == {"description", "states", "initial_state", "flags"}
    assert definition["initial_state"] == "Trigger"
    assert definition["flags"] == {"allow_concurrent_calls": True}
    assert len(BUILT[name].states) == len(definition["states"])
    for state in definition["states"]:
        assert set(state) == {"name", "type", "transitions", "properties"}
        assert re.fullmatch(r"[A-Za-z]+", state["name"])


@each_menu
def test_every_widget_has_its_events_and_its_properties_and_no_others(name: str) -> None:
    for state in BUILT[name].states.values():
        events, needed, allowed = WIDGETS[state["type"]]
        assert list(dict.fromkeys(each["event"] for each in state["transitions"])) == events, state["name"]
        assert needed <= set(state["properties"]) <= needed | allowed, state["name"]
        for transition in state["transitions"]:
            assert ("conditions" in transition) == (transition["event"] == "match")
            for condition in transition.get("conditions", []):
                assert set(condition) == {"friendly_name", "arguments", "type", "value"}
                assert condition["arguments"] == [state["properties"]["input"]]
                assert condition["type"] in ("equal_to", "contains")
                assert condition["value"]


@each_menu
def test_every_way_leads_to_a_state_that_exists_and_every_state_is_reached(name: str) -> None:
    targets = {transition["next"] for _, transition in BUILT[name].transitions if "next" in transition}
    assert targets == set(BUILT[name].states) - {"Trigger"}


@each_menu
def test_the_call_ends_only_after_the_server_had_it_or_an_apology_was_heard(name: str) -> None:
    ends = {(state["type"], each["event"]) for state, each in BUILT[name].transitions if "next" not in each}
    other_than_calls = set(WIDGETS["trigger"][0]) - {"incomingCall"}
    assert ends == {("trigger", event) for event in other_than_calls} | {
        ("add-twiml-redirect", "return"),
        ("say-play", "audioComplete"),
    }


@each_menu
def test_no_two_widgets_cover_each_other_on_the_canvas(name: str) -> None:
    places = [tuple(state["properties"]["offset"].values()) for state in BUILT[name].states.values()]
    assert len(set(places)) == len(places)


@each_choice
def test_one_key_suffices_and_no_key_is_swallowed_as_an_end_of_input(name: str) -> None:
    questions = [state["properties"] for state in BUILT[name].of("gather-input-on-call")]
    assert len(questions) == len(MENUS[name])
    for properties in questions:
        assert properties["number_of_digits"] == 1
        assert properties["finish_on_key"] == ""
    assert [properties["timeout"] for properties in questions] == [1] * (len(questions) - 1) + [5]


@each_menu
def test_each_language_is_asked_and_apologised_to_in_the_voice_and_the_words_of_the_table(name: str) -> None:
    offered = menu(MENUS[name])
    said = [(each["say"], each["language"], each["voice"]) for each in spoken(BUILT[name])]

    def voice(language: Language) -> tuple[str, str]:
        return language.say_language, language.say_voice

    asked = [(offered.question(each), *voice(each)) for each in offered] if len(offered) > 1 else []
    assert said == asked + [(each.sentences[Sentence.INTERRUPTED], *voice(each)) for each in offered]


def spoken(built: Flow) -> list[dict[str, str]]:
    return [state["properties"] for kind in ("gather-input-on-call", "say-play") for state in built.of(kind)]


def test_the_voices_of_the_usual_menu_are_ones_that_twilio_offers() -> None:
    assert {(each["language"], each["voice"]) for each in spoken(FLOW)} == VOICES


@each_choice
def test_each_question_listens_in_its_own_language_for_its_names(name: str) -> None:
    for state, tag in zip(BUILT[name].of("gather-input-on-call"), MENUS[name], strict=True):
        language = languages.get(tag)
        assert state["properties"]["gather_language"] == language.hears
        assert state["properties"]["hints"].split(", ") == list(names(language))
        assert state["properties"]["speech_timeout"] == "auto"


@each_menu
def test_a_call_is_handed_over_by_post_and_may_last_as_long_as_studio_allows(name: str) -> None:
    (redirect,) = (state["properties"] for state in BUILT[name].of("add-twiml-redirect"))
    assert (redirect["method"], redirect["timeout"]) == ("POST", "14400")


@each_menu
def test_the_same_menu_and_host_make_the_same_text(name: str) -> None:
    again = flow.text(menu(MENUS[name]), "voice.example.com")
    assert again == BUILT[name].text.replace(PLACEHOLDER, "voice.example.com")
    assert PLACEHOLDER not in again


# --- The callers ----------------------------------------------------------------------------------------------------

NOISE = Said("I beg your pardon?")


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("question", range(2 * QUESTIONS))
@pytest.mark.parametrize("before", [None, NOISE])
def test_a_key_pressed_at_any_question_of_either_round_counts(key: str, question: int, before: Answer) -> None:
    walk = Walk(FLOW, gives(*[before] * question, Pressed(key)))
    language = languages.find(walk.lang)
    assert language is not None
    assert language.tag == KEYS[key]
    assert len(walk.questions) == question + 1


@each_choice
def test_every_key_of_a_menu_chooses_the_language_in_its_place(name: str) -> None:
    for question in (0, len(MENUS[name]) - 1):
        chosen = [Walk(BUILT[name], presses(*[None] * question, str(key + 1))).lang for key in range(len(MENUS[name]))]
        assert chosen == MENUS[name]


@each_choice
def test_every_name_of_a_language_chooses_it_at_every_question_of_either_round(name: str) -> None:
    rounds = range(2 * len(MENUS[name]))
    for tag in MENUS[name]:
        for word, question in product(names(languages.get(tag)), rounds):
            said = [word, f"{word}.", f"¡{word.upper()}!", f"please, {word}, thank you"][question % 4]
            walk = Walk(BUILT[name], gives(*[NOISE if question % 3 else None] * question, Said(said)))
            assert walk.lang == tag, said
            assert len(walk.questions) == question + 1


@pytest.mark.parametrize("said", ["Español.", "SPANISH", "en español, por favor", "espanol"])
@pytest.mark.parametrize("question", range(2 * QUESTIONS))
def test_a_word_counts_however_it_is_written_and_whenever_it_is_said(said: str, question: int) -> None:
    assert Walk(FLOW, gives(*[None] * question, Said(said))).lang == "es"


@pytest.mark.parametrize("said", ["German", "por favor", "es", "hi", "", "I did not hear you"])
@pytest.mark.parametrize("question", range(2 * QUESTIONS - 1))
def test_after_words_that_name_no_language_the_next_question_is_asked(said: str, question: int) -> None:
    walk = Walk(FLOW, gives(*[None] * question, Said(said)))
    assert walk.questions == Walk(FLOW, silent).questions
    assert walk.lang == "agent"


@pytest.mark.parametrize("said", ["German", "klingon"])
def test_words_are_weighed_where_they_are_said_and_not_where_others_were(said: str) -> None:
    assert Walk(FLOW, gives(Said(said), Said(said), Said("hindi"))).lang == "hi"
    assert Walk(FLOW, gives(Said("hindi."), Said(said))).lang == "hi"


@each_choice
def test_the_first_round_asks_in_every_language_and_the_second_does_so_again(name: str) -> None:
    count = len(MENUS[name])
    for caller in (silent, gives(*[NOISE] * 2 * count)):
        questions = Walk(BUILT[name], caller).questions
        assert len(questions) == 2 * count
        assert len(set(questions[:count])) == count
        assert questions[count:] == questions[:count]


@each_choice
@pytest.mark.parametrize("answer", [None, NOISE])
def test_whoever_never_chooses_goes_on_with_the_agents_language(name: str, answer: Answer) -> None:
    walk = Walk(BUILT[name], lambda *_: answer)
    assert walk.lang == "agent"
    assert languages.find(walk.lang) is None  # the word is no language's name: the server must know it as its own


@pytest.mark.parametrize("wrong", ["0", "6", "9", "*", "#", ""])
@pytest.mark.parametrize("question", range(QUESTIONS))
def test_after_a_wrong_key_the_caller_is_asked_again_from_the_start(wrong: str, question: int) -> None:
    walk = Walk(FLOW, presses(*[None] * question, wrong, "2"))
    assert walk.lang == "es"
    assert walk.questions[-1] == walk.questions[0]


@pytest.mark.parametrize("wrong", ["0", "6", "9", "*", "#", ""])
def test_after_a_second_wrong_key_the_call_goes_on_with_the_agents_language(wrong: str) -> None:
    walk = Walk(FLOW, presses(wrong, wrong, "2"))
    assert walk.lang == "agent"
    assert len(walk.questions) == 2


@each_choice
def test_whatever_a_caller_does_the_call_reaches_the_server_once(name: str) -> None:
    second = MENUS[name][1]
    for answers in product([None, NOISE, Pressed("2"), Pressed("0"), Said(names(languages.get(second))[0])], repeat=4):
        for late in (0, len(MENUS[name]) - 2):
            assert Walk(BUILT[name], gives(*[None] * late, *answers)).lang in ("agent", second)


def test_with_one_language_the_call_is_handed_over_in_it_at_once() -> None:
    walk = Walk(BUILT["one"], silent)
    assert (walk.lang, walk.questions) == ("hi", [])


@each_choice
@pytest.mark.parametrize("event", ["fail", "timeout"])
def test_when_the_server_cannot_take_the_call_the_caller_is_told_in_the_chosen_language(name: str, event: str) -> None:
    for key, tag in enumerate(MENUS[name], start=1):
        (apology,) = Walk(BUILT[name], presses(str(key)), redirect=event).apologies
        assert BUILT[name].states[apology]["properties"]["language"] == languages.get(tag).say_language


@each_menu
def test_a_caller_without_a_choice_is_told_in_the_first_language_of_the_menu(name: str) -> None:
    (apology,) = Walk(BUILT[name], silent, redirect="fail").apologies
    first = languages.get(MENUS[name][0])
    assert BUILT[name].states[apology]["properties"]["language"] == first.say_language


@each_menu
def test_a_conversation_that_is_over_ends_without_an_apology(name: str) -> None:
    assert Walk(BUILT[name], presses("2")).apologies == []
