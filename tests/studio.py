"""A small Studio for tests: what its widgets may look like, and a run of a flow with one caller.

Everything here is written from Twilio's documents, and where they are silent the strictest reading is taken: `contains`
and `equal_to` mind the case.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from urllib.parse import parse_qs, urlsplit

PLACEHOLDER = "[your-public-host]"

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
        {"loop", "finish_on_key", "stop_gather", "gather_language", "speech_timeout", "profanity_filter", "hints"},
    ),
    "split-based-on": (["noMatch", "match"], {"offset", "input"}, set()),
    "add-twiml-redirect": (["return", "timeout", "fail"], {"offset", "url"}, {"method", "timeout"}),
    "say-play": (["audioComplete"], {"offset", "say", "voice", "language"}, {"loop"}),
}
MOST_STEPS, MOST_REPEATS = 1000, 10  # of a run, and of one widget in a row; Studio ends a run that reaches either


class Flow:
    """A definition, as it is imported."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.definition: dict[str, Any] = json.loads(text)
        self.states: dict[str, dict[str, Any]] = {state["name"]: state for state in self.definition["states"]}

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The widgets of a type, in their order."""
        return [state for state in self.definition["states"] if state["type"] == kind]

    @property
    def transitions(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Every way out of every widget."""
        return [(state, transition) for state in self.states.values() for transition in state["transitions"]]


@dataclass(frozen=True)
class Pressed:
    """A key, at a question."""

    key: str


@dataclass(frozen=True)
class Said:
    """Words, as the recogniser wrote them down."""

    words: str


Answer = Pressed | Said | None
"""None is silence."""

Caller = Callable[[str, int], Answer]
"""What the caller does at a question, told its state's name and how many there were before."""


def silent(_question: str, _before: int) -> Answer:
    return None


def gives(*answers: Answer) -> Caller:
    """Be a caller who gives these answers, one per question, and is silent after them."""
    return lambda _question, before: answers[before] if before < len(answers) else None


def presses(*keys: str | None) -> Caller:
    return gives(*(None if key is None else Pressed(key) for key in keys))


class Walk:
    """One run of a flow with one caller: which states were passed, what was said, and where the call went."""

    def __init__(self, flow: Flow, caller: Caller, redirect: str = "return") -> None:
        self.flow, self.caller, self.redirect = flow, caller, redirect
        self.values: dict[str, str] = {}
        self.passed: list[str] = []
        self.urls: list[str] = []
        name: str | None = next_state(flow.states["Trigger"], "incomingCall")
        while name is not None:
            self.passed.append(name)
            assert len(self.passed) < MOST_STEPS
            name = self.step(flow.states[name])
        assert max(len(list(repeats)) for _, repeats in groupby(self.passed)) < MOST_REPEATS

    @property
    def questions(self) -> list[str]:
        return [name for name in self.passed if self.flow.states[name]["type"] == "gather-input-on-call"]

    @property
    def apologies(self) -> list[str]:
        return [name for name in self.passed if self.flow.states[name]["type"] == "say-play"]

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
        match self.caller(state["name"], len(self.questions) - 1):
            case Pressed(key):
                self.values[f"widgets.{state['name']}.Digits"] = key
                return next_state(state, "keypress")
            case Said(words):
                self.values[f"widgets.{state['name']}.SpeechResult"] = words
                return next_state(state, "speech")
            case _:
                return next_state(state, "timeout")

    def split(self, state: dict[str, Any]) -> str | None:
        for transition in state["transitions"]:
            if transition["event"] == "match":
                (condition,) = transition["conditions"]
                subject = self.filled(condition["arguments"][0])
                assert condition["type"] in ("equal_to", "contains")
                if subject == condition["value"] or (condition["type"] == "contains" and condition["value"] in subject):
                    return str(transition["next"])
        return next_state(state, "noMatch")

    def filled(self, template: str) -> str:
        """Put the values in; Liquid fills an unknown name with nothing."""

        def fill(found: re.Match[str]) -> str:
            name, *filters = (part.strip() for part in found[1].split("|"))
            assert filters in ([], ["downcase"])
            value = self.values.get(name, "")
            return value.lower() if filters else value

        return re.sub(r"\{\{([^{}]*)\}\}", fill, template)


def next_state(state: dict[str, Any], event: str) -> str | None:
    (transition,) = (each for each in state["transitions"] if each["event"] == event)
    target: str | None = transition.get("next")
    return target
