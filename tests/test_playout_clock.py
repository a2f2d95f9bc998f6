"""When a listener hears it: no gaps by jitter, no delay that grows, nothing sent too early to be taken back."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import pytest
from fakes import HandClock, hush, loud, numbers, spoken
from hypothesis import given
from hypothesis import strategies as st
from listener import NOISE, Listener, talking

from bmv.audio import levels, mulaw
from bmv.audio.mulaw import FRAME_BYTES, FRAME_SECONDS, SILENCE
from bmv.call.playout import CUSHION_SECONDS, LEAD_SECONDS, Playout

# -- the clock


@given(st.lists(st.tuples(st.floats(0.0, 0.3), st.integers(0, 40)), min_size=1, max_size=60))
def test_the_listeners_buffer_is_never_filled_beyond_the_lead(beats: list[tuple[float, int]]) -> None:
    listener = Listener()
    for seconds, frames in beats:
        listener.speak(*spoken(0, frames))
        listener.clock.turn(seconds)
        listener.take()
    assert listener.longest_lead <= LEAD_SECONDS + 1e-5
    assert LEAD_SECONDS == 0.14


def test_the_listeners_buffer_is_kept_near_the_lead_while_there_is_something_to_hear() -> None:
    listener = Listener()
    listener.speak(*spoken(0, 100))
    listener.wait(0.5)
    assert listener.longest_lead > LEAD_SECONDS - FRAME_SECONDS


def test_what_waits_is_sent_in_messages_of_three_frames_once_the_lead_is_there() -> None:
    listener = Listener()
    listener.speak(*spoken(0, 100))
    sent: list[int] = []
    for _ in range(60):
        listener.clock.turn()
        before = len(listener.sounds)
        listener.take()
        sent.append(len(listener.sounds) - before)
    messages = [frames for frames in sent if frames]
    assert messages[0] == 7
    assert set(messages[1:]) == {3}


def test_a_beat_that_is_up_to_80_milliseconds_late_is_not_heard() -> None:
    listener = Listener()
    listener.speak(*spoken(0, 200))
    chance = random.Random(1)
    for _ in range(60):
        listener.clock.turn(chance.uniform(0.001, 0.079))
        listener.take()
    assert gaps(listener) == []


def gaps(listener: Listener, *, within: int = 10_000) -> list[float]:
    """The seconds of silence between loud frames that follow each other in one utterance of so many frames."""
    loud_ones = [(starts, numbers([frame])[0]) for starts, frame in listener.sounds if numbers([frame])]
    return [
        after - before - FRAME_SECONDS
        for (before, number), (after, following) in pairwise(loud_ones)
        if following == number + 1 and following % within and after - before > FRAME_SECONDS * 1.01
    ]


# -- jitter


UTTERANCE = 100  # frames


@pytest.mark.parametrize("pace", [1, 2])
@pytest.mark.parametrize("seed", range(5))
def test_a_bursty_sender_makes_no_gap_inside_an_utterance(pace: int, seed: int) -> None:
    chance = random.Random(seed)
    stream: list[bytes] = []
    for utterance in range(20):
        stream += [SILENCE] * chance.randrange(60, 140)
        stream += spoken(utterance * UTTERANCE, (utterance + 1) * UTTERANCE)
    listener = deliver(stream, chunk=10 * pace, pace=pace, jitter=lambda: chance.uniform(-0.08, 0.08))
    assert numbers(listener.heard) == list(range(20 * UTTERANCE))
    assert gaps(listener, within=UTTERANCE) == []


def test_the_cushion_is_no_larger_than_that_takes() -> None:
    listener = Listener()
    listener.wait(1.0)
    received = listener.clock()
    listener.speak(*spoken(0, 10))
    listener.wait(1.0)
    assert listener.sounds[0][0] - received <= 0.16 + FRAME_SECONDS + 1e-6


@pytest.mark.parametrize("pace", [1, 2])
def test_a_word_at_the_end_of_a_delivery_waits_no_longer_than_a_delivery_takes_to_come(pace: int) -> None:
    frames = 10 * pace  # 200 ms at either pace
    listener = deliver([SILENCE] * frames * 29 + [SILENCE] * (frames - 1) + spoken(0, 1), chunk=frames, pace=pace)
    received = 1000.0 + 30 * 0.2
    starts = next(starts for starts, frame in listener.sounds if frame == loud(0))
    assert starts - received <= 0.2 + CUSHION_SECONDS + FRAME_SECONDS


def deliver(stream: Sequence[bytes], *, chunk: int, pace: int, jitter: Callable[[], float] = lambda: 0.0) -> Listener:
    """A translator sends chunks of so many frames, `pace` times as fast as they sound, each a bit early or late."""
    listener = Listener()
    start = listener.clock()
    deliveries = [
        (start + (first + chunk) * FRAME_SECONDS / pace + jitter(), b"".join(stream[first : first + chunk]))
        for first in range(0, len(stream), chunk)
    ]
    for received_at, audio in deliveries:
        while listener.clock() < received_at:
            listener.beat()
        listener.playout.speak(audio, received_at)
    listener.wait(5.0)
    return listener


# -- drift


MINUTE = 60.0
HALF_AN_HOUR = 30
BLOCKED = 0.3  # seconds for which the process does nothing, once a minute: three times the lead


def worst_delays(listener: Listener, said_at: Callable[[int], float]) -> list[float]:
    """For each minute, the longest that a voiced frame sounded after it was said."""
    worst = [0.0] * (HALF_AN_HOUR + 1)
    position = 0
    for starts, frame in listener.sounds:
        number = numbers([frame])
        if number:
            said = said_at(position)
            minute = int(said / MINUTE)
            worst[minute] = max(worst[minute], starts - said)
            position += 1
    return worst[:HALF_AN_HOUR]


def test_half_an_hour_of_forwarded_original_is_at_the_end_no_later_than_in_the_second_minute() -> None:
    """The line jitters and stalls, the sender's clock is a little fast, and our own process is blocked now and then."""
    listener = Listener(clock=HandClock(0.0))
    voiced: list[float] = []
    arrivals = line_with_stalls(voiced)
    arrival, frame = next(arrivals)
    for _ in range(round(HALF_AN_HOUR * MINUTE / FRAME_SECONDS)):
        listener.clock.turn()
        now = listener.clock()
        while arrival <= now:
            listener.playout.overhear(frame, now, voiced=talking(frame))
            arrival, frame = next(arrivals)
        if now % MINUTE > BLOCKED:
            listener.take()
    worst = worst_delays(listener, voiced.__getitem__)
    assert worst[-1] <= worst[1] + FRAME_SECONDS
    assert max(worst) < 2.0


def line_with_stalls(voiced: list[float]) -> Iterator[tuple[float, bytes]]:
    """Frames and when they arrive: 3 s of voice, 2 s of noise, and so on; says when each voiced frame was spoken."""
    fast = 0.999
    chance = random.Random(0)
    said = arrival = 0.0
    stalls: list[tuple[float, float]] = []
    for number in range(1_000_000):
        if number % 3000 == 0:  # every minute is as bad as the others
            chance = random.Random(7)
            stalls = [(said + second, said + second + chance.uniform(0.2, 1.4)) for second in (12, 27, 41, 55)]
        frame = loud(number) if number % 250 < 150 else NOISE
        if frame is not NOISE:
            voiced.append(said)
        arrival = max(arrival, said + chance.uniform(0.0, 0.04), *(end for begin, end in stalls if begin < said < end))
        yield arrival, frame
        said += FRAME_SECONDS * fast


def test_half_an_hour_of_a_translator_at_twice_the_pace_is_at_the_end_no_later_than_in_the_second_minute() -> None:
    """It sends 400 ms every 200 ms, three quarters of them silence, and our own process is blocked now and then."""
    listener = Listener(clock=HandClock(0.0))
    sent: list[float] = []
    number = 0
    for _ in range(round(HALF_AN_HOUR * MINUTE / 0.2)):
        listener.wait(0.2)
        chunk: list[bytes] = []
        for _ in range(20):
            chunk.append(loud(number) if number % 1000 < 250 else hush(number))
            if number % 1000 < 250:
                sent.append(listener.clock())
            number += 1
        if listener.clock() % MINUTE < 0.2:
            listener.clock.turn(BLOCKED)
        listener.speak(*chunk)
    worst = worst_delays(listener, sent.__getitem__)
    assert worst[-1] <= worst[1] + FRAME_SECONDS
    assert max(worst) < 4.0


def test_a_word_after_a_shortened_pause_is_not_torn_at_the_border_of_two_deliveries() -> None:
    playout = Playout(original_level_db=-18.0)
    deliveries = [
        (0.0, [loud(1)] * 20),
        (0.4, [loud(1)] * 2 + [SILENCE] * 18),
        (0.8, [SILENCE] * 10 + [loud(2)] * 10),
        (1.2, [loud(2)] * 20),
    ]
    buffered, heard = b"", b""
    for beat in range(120):
        now = beat * FRAME_SECONDS
        while deliveries and deliveries[0][0] <= now + 1e-9:
            received_at, delivery = deliveries.pop(0)
            playout.speak(b"".join(delivery), received_at)
        buffered += playout.take(now)
        heard += buffered[:FRAME_BYTES] or SILENCE
        buffered = buffered[FRAME_BYTES:]
    shape = "".join("." if levels.is_silent(frame) else "#" for frame in mulaw.frames(heard))
    assert re.fullmatch(r"\.*#{22}\.+#{30}\.*", shape), shape
