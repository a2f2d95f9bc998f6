"""A handset: a party whose voice comes over a network, and goes there."""

from __future__ import annotations

from bmv.audio import mulaw
from bmv.simulator.phone.handset import Handset
from bmv.simulator.phone.jitter import PREFILL

LIVE, SAID = b"\x90" * mulaw.FRAME_BYTES, b"\xa0" * mulaw.FRAME_BYTES


async def test_the_live_voice_goes_into_the_line_and_what_is_heard_goes_out() -> None:
    heard: list[bytes] = []
    told: list[tuple[str, str]] = []
    handset = Handset("Maria", on_hear=heard.append, on_overhear=lambda *words: told.append(words), record=True)
    for _ in range(PREFILL):
        handset.receive(LIVE)
    assert handset.speak() == LIVE
    handset.hear(SAID)
    handset.overhear("Hola.", "es-MX")
    assert (heard, told, handset.heard, handset.said) == ([SAID], [("Hola.", "es-MX")], SAID, LIVE)


async def test_what_a_script_says_goes_first_and_the_live_voice_does_not_come_late() -> None:
    handset = Handset("Maria", on_hear=lambda _: None)
    handset.say(SAID * 2)
    for number in range(5):
        handset.receive(LIVE[:-1] + bytes([number]))
    assert [handset.speak() for _ in range(2)] == [SAID, SAID]
    assert handset.speak()[-1] == 2
    assert handset.heard == handset.said == b""
