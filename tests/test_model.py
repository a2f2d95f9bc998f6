"""OpenAI's end in the bench: what is heard there and comes to nothing is not forgotten."""

from __future__ import annotations

from time import perf_counter
from typing import Any, cast

from bmv.audio.mulaw import FRAME_SECONDS
from bmv.commands.bench import sound
from bmv.commands.bench.legs import Leg
from bmv.commands.bench.model import TurnBased, Uplink
from bmv.commands.bench.mouth import Listener, Played
from bmv.commands.bench.sound import CYCLE
from bmv.commands.bench.websocket import Socket


class Nowhere:
    """A socket that leads nowhere."""

    open = True

    def send(self, message: bytes) -> None:
        """Forget it."""


class Caller:
    """One who has said the script once, from its beginning."""

    role, place, said = "caller", 0, CYCLE
    script = sound.script("caller")
    listener = Listener(Played())

    def sent_at(self, frame: int) -> float:
        return frame * FRAME_SECONDS


def session() -> TurnBased:
    """A session that is asked for each translation, and has heard one turn."""
    made = TurnBased(cast("Socket", Nowhere()), Uplink())
    leg: Any = Caller()
    made.attach(cast("Leg", leg), cast("Leg", leg))
    detection = {"turn_detection": {"create_response": False}}
    made.order({"type": "session.update", "session": {"instructions": "say in English", "audio": {"input": detection}}})
    for begin in range(0, CYCLE, 5):
        made.take(b"".join(leg.script.frames[begin : begin + 5]))
    return made


def test_a_turn_whose_translation_nobody_asks_for_is_due_and_then_lost() -> None:
    frames, found = sum(each.voiced for each in sound.translation("caller")), session()
    assert found.due(CYCLE, perf_counter()) == frames > 100
    found.give_up(CYCLE, perf_counter())
    assert found.uplink.heard.lost == frames
    assert not found.due(CYCLE, perf_counter())


def test_a_turn_whose_translation_was_asked_for_is_not() -> None:
    found = session()
    found.order({"type": "response.create", "response": {}})
    assert not found.due(CYCLE, perf_counter())
    found.give_up(CYCLE, perf_counter())
    assert not found.uplink.heard.lost
