"""The Studio flow that asks callers for their language and hands the call to the server, built from the menu.

Sources: Twilio docs "Studio Flow and Widget JSON Schemas" and "Studio widget library". Every way through it reaches the
server or ends with an apology: in Studio a transition that leads nowhere hangs up.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final

from bmv.languages import Language, Sentence
from bmv.telephony.menu import AGENT_WORD, Menu, names

PLACEHOLDER: Final = "[your-public-host]"
"""Stands in the flow once, where the public host belongs."""

State = dict[str, Any]

_DESCRIPTION = (
    "Be My Voice: asks for the caller's language, each language in its own voice, and hands the call to the server. "
    "A caller who chooses nothing is connected in the agents' language. Connect's return and the end of an apology end "
    "the call on purpose. Made by scripts/build_flow.py."
)
_LONGEST_REDIRECT = "14400"  # seconds; Studio's limit, and text in its definition
_MIDDLE = 640  # of the canvas, where there is one widget for all languages
_TRIGGERS = ("incomingMessage", "incomingCall", "incomingConversationMessage", "incomingRequest", "incomingParent")

_KEY, _HEARD, _ASKED = "key", "heard", "asked"
_ROUND, _LANGUAGE, _HOST = "round", "caller_language", "public_host"


def text(menu: Menu, host: str = PLACEHOLDER) -> str:
    """The flow as a file to import into Studio; the same menu and host always make the same text."""
    return json.dumps(build(menu, host), indent=2, ensure_ascii=False) + "\n"


def build(menu: Menu, host: str = PLACEHOLDER) -> dict[str, Any]:
    """The definition of the flow. With one language on the menu nothing is asked."""
    columns = [_Column(menu, language) for language in menu]
    only = menu.languages[0].tag if len(menu) == 1 else None
    states = [
        _at(0, 0, _state("Trigger", "trigger", [_to(event, _start(event)) for event in _TRIGGERS], {})),
        _at(
            0,
            200,
            _set(
                "Start",
                {_HOST: host, _LANGUAGE: only or AGENT_WORD, _ROUND: "first"},
                "Connect" if only else columns[0].ask,
            ),
        ),
    ]
    if not only:
        for make in (_Column.question, _Column.pressed, _Column.spoken):
            states += [make(column) for column in columns]
        states += _decisions(columns)
        states += [column.chosen() for column in columns]
    return {
        "description": _DESCRIPTION,
        "states": states + _connection(columns),
        "initial_state": "Trigger",
        "flags": {"allow_concurrent_calls": True},
    }


def _start(event: str) -> str | None:
    return "Start" if event == "incomingCall" else None


class _Column:
    """The widgets of one language; on the canvas they stand below each other."""

    def __init__(self, menu: Menu, language: Language) -> None:
        self.language = language
        self._menu = menu
        self._name = re.sub(r"[^A-Za-z]", "", language.english)
        self._number = menu.languages.index(language)
        self._x = 320 * self._number
        self.key = menu.key(language)
        self.ask, self.chose, self.sorry = f"Ask{self._name}", f"Chose{self._name}", f"Sorry{self._name}"

    def question(self) -> State:
        """Ask, and listen for a key and for words in this language; silence leads to the next question."""
        properties = {
            "say": self._menu.question(self.language),
            **self._voice(),
            "timeout": self._menu.patience(self.language),
            "number_of_digits": 1,
            "finish_on_key": "",
            "stop_gather": True,
            "gather_language": self.language.hears,
            "hints": ", ".join(names(self.language)),
            "speech_timeout": "auto",
            "profanity_filter": "true",
        }
        following = [_to("keypress", self._pressed), _to("speech", self._heard), _to("timeout", self.after)]
        return _at(self._x, 450, _state(self.ask, "gather-input-on-call", following, properties))

    def pressed(self) -> State:
        """A key was pressed at this question."""
        return _at(self._x, 700, _set(self._pressed, {_KEY: f"{{{{widgets.{self.ask}.Digits}}}}"}, "WhichKey"))

    def spoken(self) -> State:
        """Something was said at this question; in lower case, since it is not known whether Studio minds the case."""
        heard = f"{{{{widgets.{self.ask}.SpeechResult | downcase}}}}"
        return _at(self._x, 950, _set(self._heard, {_HEARD: heard, _ASKED: self.language.tag}, "WhichWord"))

    def chosen(self) -> State:
        """This language was chosen."""
        return _at(self._x, 1450, _set(self.chose, {_LANGUAGE: self.language.tag}, "Connect"))

    def apology(self) -> State:
        """The server does not answer: say so in this language. Then the call ends."""
        properties = {"say": self.language.sentences[Sentence.INTERRUPTED], **self._voice()}
        return _at(self._x, 2200, _state(self.sorry, "say-play", [_to("audioComplete", None)], properties))

    @property
    def after(self) -> str:
        """Where it goes on when nobody answers this question."""
        following = self._number + 1
        return (
            "WhichRound" if following == len(self._menu) else _Column(self._menu, self._menu.languages[following]).ask
        )

    @property
    def _pressed(self) -> str:
        return f"KeyAt{self._name}"

    @property
    def _heard(self) -> str:
        return f"WordsAt{self._name}"

    def _voice(self) -> dict[str, Any]:
        return {"language": self.language.say_language, "voice": self.language.say_voice, "loop": 1}


def _decisions(columns: list[_Column]) -> list[State]:
    """Which language a key or a word stands for, and what to ask when it stands for none.

    A wrong key leads to the next round, strange words lead to the next question, where they may be understood better.
    """
    *others, last = columns
    keys = [(column.key, column.chose) for column in columns]
    words = [(word, column.chose) for column in columns for word in _words(column.language)]
    questions = [(column.language.tag, column.after) for column in others]
    states = [
        _split("WhichKey", _KEY, keys, "WhichRound"),
        _split("WhichWord", _HEARD, words, "WhichQuestion", how="contains"),
        _split("WhichQuestion", _ASKED, questions, last.after),
        _split("WhichRound", _ROUND, [("second", "Connect")], "AskAgain"),
        _set("AskAgain", {_ROUND: "second"}, columns[0].ask),
    ]
    return [_at(320 * number, 1200, state) for number, state in enumerate(states)]


def _connection(columns: list[_Column]) -> list[State]:
    """The call is handed to the server; who is not taken there is told in the chosen language, else in the first."""
    first, *others = columns
    trouble = "WhichApology" if others else first.sorry
    properties = {
        "method": "POST",
        "url": f"https://{{{{flow.variables.{_HOST}}}}}/incoming-call?lang={{{{flow.variables.{_LANGUAGE}}}}}",
        "timeout": _LONGEST_REDIRECT,
    }
    ways = [_to("return", None), _to("timeout", trouble), _to("fail", trouble)]
    states = [_at(_MIDDLE, 1700, _state("Connect", "add-twiml-redirect", ways, properties))]
    if others:
        cases = [(column.language.tag, column.sorry) for column in others]
        states.append(_at(_MIDDLE, 1950, _split(trouble, _LANGUAGE, cases, first.sorry)))
    return states + [column.apology() for column in columns]


def _words(language: Language) -> list[str]:
    """By what a language is known in what somebody said: without those that hold another one of it."""
    known = sorted(names(language), key=len)
    return [word for number, word in enumerate(known) if not any(shorter in word for shorter in known[:number])]


def _to(event: str, target: str | None) -> dict[str, Any]:
    return {"event": event} if target is None else {"event": event, "next": target}


def _set(name: str, values: dict[str, str], following: str) -> State:
    variables = [{"key": key, "value": value} for key, value in values.items()]
    return _state(name, "set-variables", [_to("next", following)], {"variables": variables})


def _split(
    name: str, variable: str, cases: Iterable[tuple[str, str]], otherwise: str, *, how: str = "equal_to"
) -> State:
    """Go to the target of the first case whose value the variable is equal to, or contains."""
    subject = f"{{{{flow.variables.{variable}}}}}"
    matches = [
        {
            **_to("match", target),
            "conditions": [
                {"friendly_name": f"If value {how} {value}", "arguments": [subject], "type": how, "value": value}
            ],
        }
        for value, target in cases
    ]
    return _state(name, "split-based-on", [_to("noMatch", otherwise), *matches], {"input": subject})


def _state(name: str, kind: str, transitions: list[dict[str, Any]], properties: dict[str, Any]) -> State:
    return {"name": name, "type": kind, "transitions": transitions, "properties": properties}


def _at(x: int, y: int, state: State) -> State:
    """Put a widget somewhere on the canvas."""
    return {**state, "properties": {**state["properties"], "offset": {"x": x, "y": y}}}
