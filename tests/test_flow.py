"""The Studio flow: whole, importable by hand, and no caller is dropped in it."""

import json
import re
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from bmv import languages

ROOT = Path(__file__).parent.parent
FLOW = ROOT / "flows" / "inbound_language.json"
PLACEHOLDER = "[your-public-host]"
TEXT = FLOW.read_text("utf-8")
DEFINITION: dict[str, Any] = json.loads(TEXT)
STATES: dict[str, dict[str, Any]] = {state["name"]: state for state in DEFINITION["states"]}
KEYS = {"1": "en", "2": "es", "3": "fr", "4": "zh", "5": "hi"}
QUESTIONS = 5

# The events of each type of widget, and its properties: those it must have, those it may have (Twilio Studio, widget
# library).
WIDGETS: dict[str, tuple[list[str], set[str], set[str]]] = {
    "trigger": (
        ["incomingMessage", "incomingCall", "incomingConversationMessage", "incomingRequest", "incomingParent"],
        {"offset"},
        set(),
    ),
    "set-variables": (["next"], {"offset", "variables"}, set()),
    "gather-input-on-call": (
        ["keypress", "speech", "timeout"],
        {"offset", "say", "voice", "language", "timeout", "number_of_digits"},
        {"loop", "finish_on_key", "stop_gather", "gather_language", "speech_timeout", "profanity_filter"},
    ),
    "split-based-on": (["noMatch", "match"], {"offset", "input"}, set()),
    "add-twiml-redirect": (["return", "timeout", "fail"], {"offset", "url"}, {"method", "timeout"}),
    "say-play": (["audioComplete"], {"offset", "say", "voice", "language"}, {"loop"}),
}

# The pairs of `language` and `voice` that Twilio's `<Say>` offers for the menu's languages.
VOICES = {
    ("en-US", "Polly.Joanna-Neural"),
    ("es-MX", "Polly.Mia-Neural"),
    ("fr-FR", "Polly.Lea-Neural"),
    ("cmn-CN", "Polly.Zhiyu-Neural"),
    ("hi-IN", "Polly.Kajal-Neural"),
}


# --- A small Studio -------------------------------------------------------------------------------------------------

Caller = Callable[[str, int], str | None]
"""What the caller does at a question, told its state's name and how many there were before: presses a key, speaks
("speech") or is silent (None)."""


class Walk:
    """One run of the flow with one caller: which states were passed, what was said, and where the call went."""

    def __init__(self, caller: Caller, redirect: str = "return") -> None:
        self.caller, self.redirect = caller, redirect
        self.values: dict[str, str] = {}
        self.passed: list[str] = []
        self.urls: list[str] = []
        name: str | None = next_state(STATES["Trigger"], "incomingCall")
        while name is not None:
            assert self.passed.count(name) < 10, "Studio ends a run that enters one widget ten times"
            self.passed.append(name)
            name = self.step(STATES[name])

    @property
    def questions(self) -> list[str]:
        return [name for name in self.passed if STATES[name]["type"] == "gather-input-on-call"]

    @property
    def apologies(self) -> list[str]:
        return [name for name in self.passed if STATES[name]["type"] == "say-play"]

    @property
    def lang(self) -> str:
        (url,) = self.urls
        assert url.startswith(f"https://{PLACEHOLDER}/incoming-call?lang=")
        (lang,) = parse_qs(urlsplit(url.replace(PLACEHOLDER, "host")).query)["lang"]
        return lang

    def step(self, state: dict[str, Any]) -> str | None:
        match state["type"]:
            case "set-variables":
                for variable in state["properties"]["variables"]:
                    self.values[f"flow.variables.{variable['key']}"] = self.filled(variable["value"])
                return next_state(state, "next")
            case "split-based-on":
                return self.split(state)
            case "gather-input-on-call":
                return self.ask(state)
            case "add-twiml-redirect":
                self.urls.append(self.filled(state["properties"]["url"]))
                return next_state(state, self.redirect)
            case "say-play":
                return next_state(state, "audioComplete")
            case other:
                raise AssertionError(other)

    def ask(self, state: dict[str, Any]) -> str | None:
        answer = self.caller(state["name"], len(self.questions) - 1)
        if answer in (None, "speech"):
            return next_state(state, answer or "timeout")
        self.values[f"widgets.{state['name']}.Digits"] = str(answer)
        return next_state(state, "keypress")

    def split(self, state: dict[str, Any]) -> str | None:
        for transition in state["transitions"]:
            if transition["event"] == "match":
                (condition,) = transition["conditions"]
                assert condition["type"] == "equal_to"
                if self.filled(condition["arguments"][0]) == condition["value"]:
                    return str(transition["next"])
        return next_state(state, "noMatch")

    def filled(self, template: str) -> str:
        # Liquid fills an unknown name with nothing.
        return re.sub(r"\{\{ *([\w.]+) *\}\}", lambda found: self.values.get(found.group(1), ""), template)


def next_state(state: dict[str, Any], event: str) -> str | None:
    (transition,) = (each for each in state["transitions"] if each["event"] == event)
    target: str | None = transition.get("next")
    return target


def silent(_question: str, _before: int) -> str | None:
    return None


def presses(*answers: str | None) -> Caller:
    """Be a caller who gives these answers, one per question, and is silent after them."""
    return lambda _question, before: answers[before] if before < len(answers) else None


# --- The file -------------------------------------------------------------------------------------------------------


def every_transition() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for state in STATES.values():
        for transition in state["transitions"]:
            yield state, transition


def test_the_definition_has_the_shape_that_studio_imports() -> None:
    assert set(DEFINITION) == {"description", "states", "initial_state", "flags"}
    assert DEFINITION["initial_state"] == "Trigger"
    assert DEFINITION["flags"] == {"allow_concurrent_calls": True}
    assert len(STATES) == len(DEFINITION["states"])
    for state in DEFINITION["states"]:
        assert set(state) == {"name", "type", "transitions", "properties"}
        assert re.fullmatch(r"[A-Za-z]+", state["name"])


def test_every_widget_has_its_events_and_its_properties_and_no_others() -> None:
    for state in STATES.values():
        events, needed, allowed = WIDGETS[state["type"]]
        assert list(dict.fromkeys(each["event"] for each in state["transitions"])) == events, state["name"]
        assert needed <= set(state["properties"]) <= needed | allowed, state["name"]
        for transition in state["transitions"]:
            assert ("conditions" in transition) == (transition["event"] == "match")
            for condition in transition.get("conditions", []):
                assert set(condition) == {"friendly_name", "arguments", "type", "value"}
                assert condition["arguments"] == [state["properties"]["input"]]


def test_every_way_leads_to_a_state_that_exists_and_every_state_is_reached() -> None:
    targets = {transition["next"] for _, transition in every_transition() if "next" in transition}
    assert targets == set(STATES) - {"Trigger"}


def test_the_call_ends_only_after_the_server_had_it_or_an_apology_was_heard() -> None:
    ends = {(state["type"], each["event"]) for state, each in every_transition() if "next" not in each}
    other_than_calls = set(WIDGETS["trigger"][0]) - {"incomingCall"}
    assert ends == {("trigger", event) for event in other_than_calls} | {
        ("add-twiml-redirect", "return"),
        ("say-play", "audioComplete"),
    }


def test_no_two_widgets_cover_each_other_on_the_canvas() -> None:
    places = [tuple(state["properties"]["offset"].values()) for state in STATES.values()]
    assert len(set(places)) == len(places)


def test_one_key_suffices_and_no_key_is_swallowed_as_an_end_of_input() -> None:
    questions = [state for state in STATES.values() if state["type"] == "gather-input-on-call"]
    assert len(questions) == QUESTIONS
    for state in questions:
        assert state["properties"]["number_of_digits"] == 1
        assert state["properties"]["finish_on_key"] == ""
        assert 1 <= state["properties"]["timeout"] <= 10


def test_each_language_is_asked_and_apologised_to_in_the_voice_the_server_uses_too() -> None:
    for kind in ("gather-input-on-call", "say-play"):
        said = [state["properties"] for state in STATES.values() if state["type"] == kind]
        pairs = [(each["language"], each["voice"]) for each in said]
        assert set(pairs) <= VOICES
        assert pairs == [(each.say_language, each.say_voice) for each in map(languages.get, KEYS.values())]
        assert len({each["say"] for each in said}) == len(KEYS)


def test_the_placeholder_stands_in_the_file_once() -> None:
    assert TEXT.count(PLACEHOLDER) == 1
    assert TEXT.count("your-") == 1


def test_the_readme_names_the_placeholder_by_the_same_text() -> None:
    assert PLACEHOLDER in (ROOT / "README.md").read_text("utf-8")


def test_a_call_is_handed_over_by_post_and_may_last_as_long_as_studio_allows() -> None:
    (redirect,) = (state["properties"] for state in STATES.values() if state["type"] == "add-twiml-redirect")
    assert (redirect["method"], redirect["timeout"]) == ("POST", "14400")


# --- The callers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("question", range(2 * QUESTIONS))
@pytest.mark.parametrize("before", [None, "speech"])
def test_a_key_pressed_at_any_question_of_either_round_counts(key: str, question: int, before: str | None) -> None:
    walk = Walk(presses(*[before] * question, key))
    language = languages.find(walk.lang)
    assert language is not None
    assert language.tag == KEYS[key]
    assert len(walk.questions) == question + 1


def test_the_first_round_asks_in_every_language_and_the_second_does_so_again() -> None:
    questions = Walk(silent).questions
    assert len(questions) == 2 * QUESTIONS
    assert len(set(questions[:QUESTIONS])) == QUESTIONS
    assert questions[QUESTIONS:] == questions[:QUESTIONS]


@pytest.mark.parametrize("answer", [None, "speech"])
def test_whoever_never_presses_a_key_goes_on_with_the_agents_language(answer: str | None) -> None:
    walk = Walk(lambda *_: answer)
    assert walk.lang == "agent"
    assert languages.find(walk.lang) is None  # the word is no language's name: the server must know it as its own


@pytest.mark.parametrize("wrong", ["0", "6", "9", "*", "#", ""])
@pytest.mark.parametrize("question", range(QUESTIONS))
def test_after_a_wrong_key_the_caller_is_asked_again_from_the_start(wrong: str, question: int) -> None:
    walk = Walk(presses(*[None] * question, wrong, "2"))
    assert walk.lang == "spanish"
    assert walk.questions[-1] == walk.questions[0]


@pytest.mark.parametrize("wrong", ["0", "6", "9", "*", "#", ""])
def test_after_a_second_wrong_key_the_call_goes_on_with_the_agents_language(wrong: str) -> None:
    walk = Walk(presses(wrong, wrong, "2"))
    assert walk.lang == "agent"
    assert len(walk.questions) == 2


def test_whatever_a_caller_does_the_call_reaches_the_server_once() -> None:
    for answers in product([None, "speech", "2", "9"], repeat=4):
        for late in (0, QUESTIONS - 2):
            assert Walk(presses(*[None] * late, *answers)).lang in ("agent", "spanish")


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("event", ["fail", "timeout"])
def test_when_the_server_cannot_take_the_call_the_caller_is_told_in_the_chosen_language(key: str, event: str) -> None:
    (apology,) = Walk(presses(key), redirect=event).apologies
    assert STATES[apology]["properties"]["language"] == languages.get(KEYS[key]).say_language


def test_a_caller_without_a_choice_is_told_in_english() -> None:
    (apology,) = Walk(silent, redirect="fail").apologies
    assert STATES[apology]["properties"]["language"] == "en-US"


def test_a_conversation_that_is_over_ends_without_an_apology() -> None:
    assert Walk(presses("2")).apologies == []
