"""Party and line: what a person on the phone says, hears and waits for."""

import asyncio
from itertools import pairwise

import pytest
from simulator_twilio_server import a_tone

from bmv.audio.mulaw import FRAME_SECONDS, SILENCE
from bmv.simulator.twilio import HungUpError, Party
from bmv.simulator.twilio.line import Recording, carry

LOUD = a_tone(0.02)


def tick(party: Party, frame: bytes = SILENCE) -> bytes:
    said = party.speak()
    party.hear(frame)
    return said


async def test_speech_comes_out_frame_by_frame_and_then_silence() -> None:
    party = Party()
    party.say(b"a" * 200)
    assert [tick(party), tick(party), tick(party)] == [b"a" * 160, b"a" * 40 + b"\xff" * 120, SILENCE]
    assert party.said == b"a" * 200 + b"\xff" * 280


async def test_a_noisy_line_is_never_silent() -> None:
    party = Party(noise=b"n" * 320)
    party.say(b"a" * 160)
    assert [tick(party) for _ in range(3)] == [b"a" * 160, b"n" * 160, b"n" * 160]


async def test_an_utterance_knows_when_it_was_said() -> None:
    party = Party()
    tick(party)
    utterance = party.say(b"a" * 320)
    before = [utterance.started, utterance.ended]
    tick(party)
    before.append(utterance.ended)
    tick(party)
    assert before == [None, None, None]
    assert utterance.first_frame == 1
    assert utterance.started == party.time_of(1)
    assert utterance.ended == party.time_of(3) == party.timeline + 3 * FRAME_SECONDS


async def test_the_timeline_begins_when_the_first_frame_was_due_even_if_it_came_late() -> None:
    party = Party()
    tick(party)
    tick(party)  # at once, as after a hiccup: the first was 20 ms late at least
    assert party.timeline <= asyncio.get_running_loop().time() - FRAME_SECONDS


async def test_speech_is_heard_only_from_now_on() -> None:
    party = Party()
    tick(party, LOUD)
    waiting = asyncio.ensure_future(party.hears_speech(1))
    await asyncio.sleep(0)
    assert not waiting.done()
    tick(party, LOUD)
    await waiting


async def test_quiet_counts_the_silence_at_the_end() -> None:
    party = Party()
    for frame in (SILENCE, SILENCE, LOUD, SILENCE):
        tick(party, frame)
    waiting = asyncio.ensure_future(party.hears_quiet(0.04, 1))
    await asyncio.sleep(0)
    assert not waiting.done()
    tick(party)
    await waiting


async def test_waiting_ends_with_an_error_when_nothing_comes() -> None:
    with pytest.raises(TimeoutError):
        await Party().hears_speech(0.01)


async def test_waiting_ends_with_an_error_when_the_line_is_cut() -> None:
    party = Party("Maria")
    party.say(LOUD)
    waiting = asyncio.ensure_future(party.done_speaking())
    await asyncio.sleep(0)
    party.cut_off()
    with pytest.raises(HungUpError, match="Maria"):
        await waiting


async def test_a_script_can_listen_to_every_frame() -> None:
    frames: list[bytes] = []
    party = Party(on_hear=frames.append, record=False)
    tick(party, LOUD)
    assert frames == [LOUD]
    assert party.heard == b""


async def test_a_line_carries_both_ways_never_early_and_makes_up_for_late_ticks() -> None:
    loop = asyncio.get_running_loop()
    arrivals: list[float] = []
    left, right = Party(), Party(on_hear=lambda _: arrivals.append(loop.time()))
    left.say(b"l" * 1600)
    right.say(b"r" * 1600)
    begin = loop.time()
    line = asyncio.ensure_future(carry(left, right))
    loop.call_later(0.05, lambda: _block(loop, 0.07))  # the process hangs for three ticks
    await left.done_speaking(1)
    line.cancel()
    assert right.heard.rstrip(SILENCE) == b"l" * 1600  # a tick that is made up for may be one more
    assert left.heard.rstrip(SILENCE) == b"r" * 1600
    # A clock's resolution is the only thing that lets a tick be early.
    assert all(arrived >= begin + number * FRAME_SECONDS - 0.002 for number, arrived in enumerate(arrivals))
    at_once = [later - earlier < 0.005 for earlier, later in pairwise(arrivals)]
    assert sum(at_once) >= 2
    assert left.timeline >= begin


def _block(loop: asyncio.AbstractEventLoop, seconds: float) -> None:
    until = loop.time() + seconds
    while loop.time() < until:
        pass


async def test_a_recording_is_over_once_its_last_frame_was_played() -> None:
    recording = Recording(b"a" * 170)
    recording.speak()
    recording.speak()
    assert not recording.over.is_set()
    assert recording.speak() == SILENCE
    assert recording.over.is_set()


def test_a_looped_recording_begins_again() -> None:
    music = Recording(b"a" * 160 + b"b" * 160, loop=True)
    assert [music.speak()[:1] for _ in range(5)] == [b"a", b"b", b"a", b"b", b"a"]
