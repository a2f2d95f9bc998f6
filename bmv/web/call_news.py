"""What an onlooker's page is told about a call, as server-sent events: who talks, what is said, how it goes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from bmv import languages
from bmv.call.transcript import Line
from bmv.call.view import CallView, DirectionView
from bmv.languages import PHRASES, Sentence
from bmv.web.event_stream import encode


def call_told(view: CallView, *, captions: bool) -> bytes:
    """Which call it is and what does not change all the time; `seconds` is its age now."""
    caller, agent = view.caller_language, view.agent_language
    facts = {
        "id": view.id,
        "seconds": round(view.seconds, 1),
        "captions": captions,
        "caller": _language(caller),
        "agent": _language(agent),
        "same": caller is None or caller == agent,
        "phrases": [_phrase(sentence, caller or agent, agent) for sentence in PHRASES],
    }
    return encode("call", msgspec.json.encode(facts))


def lines_told(call_id: str, lines: Iterable[Line]) -> list[bytes]:
    """Each line as it stands; a page that has seen it names our id and asks for what came after it."""
    return [encode("line", msgspec.json.encode(line), id=f"{call_id}:{line.event}") for line in lines]


def view_told(view: CallView) -> bytes:
    """How the call is now; equal while nothing has changed that can be seen."""
    facts = {
        "state": view.state,
        "secured": view.secured,
        "directions": {role.value: _direction(each) for role, each in view.directions.items()},
    }
    return encode("view", msgspec.json.encode(facts))


def over_told() -> bytes:
    """The call is over, and nothing comes any more."""
    return encode("over", b"{}")


def waiting_told() -> bytes:
    """There is no call; one may come."""
    return encode("waiting", b"{}")


def seen_of(call_id: str, id: str) -> int:  # noqa: A002 (it is what it is called)
    """The event of this call that the page has seen last, by the id we gave it; 0 for one of another call, or none."""
    known, _, event = id.rpartition(":")
    return int(event) if known == call_id and event.isdecimal() and len(event) < 16 else 0


def phrase_named(name: str) -> Sentence | None:
    """The quick phrase of this name, in lower case; None when there is none."""
    return next((sentence for sentence in PHRASES if sentence.name.lower() == name), None)


def _language(tag: str | None) -> Mapping[str, str] | None:
    if tag is None:
        return None
    language = languages.get(tag)
    return {"tag": tag, "english": language.english, "own": language.own}


def _phrase(sentence: Sentence, caller: str, agent: str) -> Mapping[str, str]:
    """What a button says: in the agents' language, and in the one that it will be spoken in."""
    said = {role: languages.get(tag).sentences[sentence] for role, tag in (("caller", caller), ("agent", agent))}
    return {"name": sentence.name.lower(), **said}


def _direction(view: DirectionView) -> Mapping[str, Any]:
    lag = None if view.lag is None else round(view.lag, 1)
    return {"speaking": view.speaking, "translating": view.translating, "mode": view.mode, "lag": lag}
