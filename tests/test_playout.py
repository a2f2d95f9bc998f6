"""What one listener hears: all that was said, in order, on time, at the right level, and none of the filler."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest
from fakes import HandClock, cut, hush, loud, numbers
from hypothesis import given
from hypothesis import strategies as st

from bmv.audio import levels, mulaw
from bmv.audio.mulaw import FRAME_BYTES, FRAME_SECONDS, SILENCE
from bmv.call.playout import CUSHION_SECONDS, INNER_PAUSE, LEAD_SECONDS, PRE_ROLL, SHORT_PAUSE, Playout

DUCKED = -18.0


def talking(frame: bytes) -> bool:
    """What the detector of voice would say: the noise of the line is none, however loud."""
    return frame != NOISE and not levels.is_silent(frame)


@dataclass
class Listener:
    """Somebody at the end of a telephone company's buffer, which plays what it gets in order and without bounds."""

    playout: Playout = field(default_factory=lambda: Playout(original_level_db=DUCKED))
    clock: HandClock = field(default_factory=HandClock)
    sounds: list[tuple[float, bytes]] = field(default_factory=list)
    longest_lead: float = 0.0
    _until: float = 0.0

    def beat(self) -> None:
        """20 ms pass, and what is due is sent."""
        self.clock.turn()
        self.take()

    def take(self) -> None:
        now = self.clock()
        for frame in cut(self.playout.take(now)):
            starts = max(self._until, now)
            self.sounds.append((starts, frame))
            self._until = starts + FRAME_SECONDS
        self.longest_lead = max(self.longest_lead, self._until - now)

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds / FRAME_SECONDS)):
            self.beat()

    def speak(self, *frames: bytes) -> None:
        """The translator says this, received now."""
        self.playout.speak(b"".join(frames), self.clock())

    def overhear(self, *frames: bytes) -> None:
        """The original voice, frame by frame in real time."""
        for frame in frames:
            self.playout.overhear(frame, self.clock(), voiced=talking(frame))
            self.beat()

    @property
    def heard(self) -> list[bytes]:
        return [frame for _, frame in self.sounds]


def spoken(first: int, last: int) -> list[bytes]:
    return [loud(number) for number in range(first, last)]


def quiet(count: int) -> list[bytes]:
    return [hush(number) for number in range(count)]


def heard_of(*frames: bytes) -> list[bytes]:
    """What is heard when the translator says all this at once."""
    listener = Listener()
    listener.speak(*frames)
    listener.wait(len(frames) * FRAME_SECONDS + 1.0)
    return listener.heard


# -- the translator's silence


@pytest.mark.parametrize("silence", [SILENCE, b"\x7f" * FRAME_BYTES, hush(1), hush(77), hush(511)])
def test_a_translators_silence_is_dropped_by_its_level(silence: bytes) -> None:
    assert levels.peak(silence) <= 63
    assert heard_of(*[silence] * 200) == []
    assert heard_of(*[silence] * 200, *spoken(0, 5), *[silence] * 200) == [
        *[silence] * PRE_ROLL,
        *spoken(0, 5),
        *[silence] * INNER_PAUSE,
    ]


@pytest.mark.parametrize("frames", range(1, 15))
def test_a_pause_inside_speech_stays_as_long_as_it_is(frames: int) -> None:
    speech = [*spoken(0, 5), *quiet(frames), *spoken(5, 10)]
    assert heard_of(*speech)[: len(speech)] == speech


def test_pauses_up_to_240_milliseconds_stay_and_long_ones_are_cut_to_about_that() -> None:
    assert pytest.approx(0.24) == INNER_PAUSE * FRAME_SECONDS
    heard = heard_of(*spoken(0, 5), *quiet(100), *spoken(5, 10))
    assert heard[:24] == [*spoken(0, 5), *quiet(100)[:INNER_PAUSE], *quiet(100)[-PRE_ROLL:], *spoken(5, 10)]


def test_the_soft_onset_of_a_word_is_kept() -> None:
    whispered = [hush(1), hush(2)]
    heard = heard_of(*[SILENCE] * 50, *whispered, *spoken(0, 3))
    assert heard[:5] == [*whispered, *spoken(0, 3)]


@given(st.lists(st.integers(1, 700), min_size=1, max_size=40))
def test_the_size_of_the_translators_frames_does_not_matter(sizes: list[int]) -> None:
    speech = [*quiet(20), *spoken(0, 20), *quiet(8), *spoken(20, 30), *quiet(40), *spoken(30, 40), *quiet(20)]
    listener = Listener()
    audio = b"".join(speech)
    for size in sizes:
        piece, audio = audio[:size], audio[size:]
        listener.speak(piece)
    listener.speak(audio)
    listener.wait(3.0)
    assert listener.heard == heard_of(*speech)


SOUNDS = st.lists(st.tuples(st.sampled_from(["voice", "quiet"]), st.integers(1, 30)), max_size=12)


@given(SOUNDS, st.lists(st.tuples(st.integers(1, 5000), st.integers(0, 40)), max_size=30))
def test_a_voiced_frame_is_never_dropped_and_all_stay_in_order(
    sounds: list[tuple[str, int]], deliveries: list[tuple[int, int]]
) -> None:
    frames = list(_numbered(sounds))
    listener = Listener()
    audio = b"".join(frames)
    for size, beats in deliveries:
        piece, audio = audio[:size], audio[size:]
        listener.speak(piece)
        listener.wait(beats * FRAME_SECONDS)
    listener.speak(audio)
    listener.wait(len(frames) * FRAME_SECONDS + 1.0)
    assert numbers(listener.heard) == numbers(frames)


@given(SOUNDS, st.lists(st.tuples(st.integers(1, 60), st.integers(0, 40)), max_size=30))
def test_a_voiced_frame_of_the_original_is_heard_in_order_or_counted_as_dropped(
    sounds: list[tuple[str, int]], deliveries: list[tuple[int, int]]
) -> None:
    frames = list(_numbered(sounds))
    listener = Listener()
    waiting = list(frames)
    for count, beats in [*deliveries, (len(frames), 0)]:
        for frame in waiting[:count]:
            listener.playout.overhear(frame, listener.clock(), voiced=talking(frame))
        del waiting[:count]
        listener.wait(beats * FRAME_SECONDS)
    listener.wait(len(frames) * FRAME_SECONDS + 1.0)
    heard, said = numbers(listener.heard), numbers(frames)
    assert heard == sorted(set(heard) & set(said))
    assert (len(said) - len(heard)) * FRAME_SECONDS <= listener.playout.dropped + 1e-9
    if listener.playout.dropped == 0:
        assert heard == said


def test_of_the_original_only_the_newest_two_seconds_wait() -> None:
    listener = Listener()
    for frame in spoken(0, 150):
        listener.playout.overhear(frame, listener.clock(), voiced=True)
    listener.wait(4.0)
    assert numbers(listener.heard) == list(range(50, 150))
    assert listener.playout.dropped == pytest.approx(1.0)


def _numbered(sounds: list[tuple[str, int]]) -> Iterator[bytes]:
    number = 0
    for kind, count in sounds:
        for _ in range(count):
            yield loud(number) if kind == "voice" else hush(number)
            number += 1


# -- the clock


@given(st.lists(st.tuples(st.floats(0.0, 0.3), st.integers(0, 40)), min_size=1, max_size=60))
def test_the_listeners_buffer_is_never_filled_beyond_the_lead(beats: list[tuple[float, int]]) -> None:
    listener = Listener()
    for seconds, frames in beats:
        listener.speak(*spoken(0, frames))
        listener.clock.turn(seconds)
        listener.take()
    assert listener.longest_lead <= LEAD_SECONDS + 1e-5
    assert LEAD_SECONDS == 0.1


def test_the_listeners_buffer_is_kept_near_the_lead_while_there_is_something_to_hear() -> None:
    listener = Listener()
    listener.speak(*spoken(0, 100))
    listener.wait(0.5)
    assert listener.longest_lead > LEAD_SECONDS - FRAME_SECONDS


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
NOISE = mulaw.encode((np.arange(FRAME_BYTES) % 2 * 600 - 300).astype(np.int16))
"""The noise of a telephone line: too loud for silence, and yet no voice."""


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


# -- behind


def test_a_translation_that_is_behind_shortens_its_pauses_and_nothing_else() -> None:
    pause = quiet(INNER_PAUSE)
    heard = heard_of(*spoken(0, 60), *pause, *spoken(60, 120))
    assert heard == [*spoken(0, 60), *pause[-SHORT_PAUSE:], *spoken(60, 120)]


def test_what_was_left_out_to_catch_up_is_counted() -> None:
    listener = Listener()
    listener.speak(*spoken(0, 60), *quiet(INNER_PAUSE), *spoken(60, 120))
    listener.wait(4.0)
    assert listener.playout.shed == pytest.approx((INNER_PAUSE - SHORT_PAUSE) * FRAME_SECONDS)


def test_a_translation_that_is_on_time_keeps_its_pauses() -> None:
    speech = [*spoken(0, 10), *quiet(INNER_PAUSE), *spoken(10, 20)]
    assert heard_of(*speech) == speech


def test_every_pause_is_shortened_by_itself() -> None:
    speech = [*spoken(0, 10), *quiet(9), *spoken(10, 20), *quiet(9), *spoken(20, 120)]
    assert heard_of(*speech) == [
        *spoken(0, 10),
        *quiet(9)[-SHORT_PAUSE:],
        *spoken(10, 20),
        *quiet(9)[-SHORT_PAUSE:],
        *spoken(20, 120),
    ]


def test_the_original_catches_up_in_the_noise_between_words() -> None:
    listener = Listener()
    for frame in [*spoken(0, 30), *[NOISE] * 40, *spoken(30, 50)]:
        listener.playout.overhear(frame, listener.clock(), voiced=talking(frame))  # all at once, after a stall
    listener.wait(3.0)
    assert numbers(listener.heard) == list(range(50))
    assert listener.heard.count(NOISE) == SHORT_PAUSE


def test_the_backlog_is_what_waits_to_be_played() -> None:
    listener = Listener()
    assert listener.playout.backlog == 0
    listener.speak(*spoken(0, 100))
    assert listener.playout.backlog == pytest.approx(2.0)
    listener.wait(1.0 + CUSHION_SECONDS - LEAD_SECONDS)
    assert listener.playout.backlog == pytest.approx(1.0, abs=2 * FRAME_SECONDS)
    listener.wait(2.0)
    assert listener.playout.backlog == 0


def test_whoever_asks_is_told_when_a_translation_breaks_a_silence_and_when_it_was_received() -> None:
    listener = Listener()
    told: list[tuple[float, float]] = []
    listener.playout.when_translation_starts(
        lambda received_at, _silent_for: told.append((listener.clock(), received_at))
    )
    listener.speak(*quiet(20))
    listener.wait(1.0)
    assert told == []
    for _ in range(2):
        received_at = listener.clock()
        listener.speak(*spoken(0, 20))
        listener.wait(3.0)
        started, said = told.pop()
        assert told == []
        assert said == pytest.approx(received_at, abs=PRE_ROLL * FRAME_SECONDS + 1e-6)  # the onset was received before
        assert 0 < started - received_at <= CUSHION_SECONDS + FRAME_SECONDS


def test_where_nobody_asks_nobody_is_told() -> None:
    assert heard_of(*spoken(0, 3))[:3] == spoken(0, 3)


# -- the original


def test_the_original_alone_is_heard_as_it_is() -> None:
    listener = Listener()
    listener.overhear(*spoken(0, 50))
    listener.wait(1.0)
    assert listener.heard == spoken(0, 50)


ORIGINAL = mulaw.encode(np.rint(6000 * np.sin(np.arange(FRAME_BYTES) * 0.7)).astype(np.int16))
TRANSLATED = mulaw.encode(np.rint(9000 * np.sin(np.arange(FRAME_BYTES) * 0.3)).astype(np.int16))


@pytest.mark.parametrize("decibels", [-3.0, -10.0, -18.0, -40.0])
def test_the_original_is_turned_down_under_a_translation_as_far_as_was_set_and_comes_back(decibels: float) -> None:
    listener = Listener(Playout(original_level_db=decibels))
    listener.overhear(*[ORIGINAL] * 20)
    listener.speak(*[TRANSLATED] * 100)
    listener.overhear(*[ORIGINAL] * 300)
    under = levels.mix(TRANSLATED, levels.scale(ORIGINAL, decibels))
    going_down = round(-decibels / 3) + PRE_ROLL
    assert listener.heard.count(under) >= 100 - going_down
    assert listener.heard[0] == listener.heard[-1] == ORIGINAL


def test_the_original_goes_down_quickly_and_comes_back_slowly() -> None:
    listener = Listener(Playout(original_level_db=-18.0))
    listener.overhear(*[ORIGINAL] * 20)
    listener.speak(*[TRANSLATED] * 100)
    listener.overhear(*[ORIGINAL] * 300)
    down = [levels.mix(TRANSLATED, levels.scale(ORIGINAL, -float(decibels))) for decibels in range(3, 18, 3)]
    back = [levels.scale(ORIGINAL, -float(decibels)) for decibels in range(17, 0, -1)]
    steady = {levels.mix(TRANSLATED, levels.scale(ORIGINAL, -18.0)), ORIGINAL, TRANSLATED}
    assert [frame for frame in listener.heard if frame not in steady] == [*down, *back]


def test_two_loud_voices_do_not_wrap_round() -> None:
    loudest = b"\x80" * FRAME_BYTES
    listener = Listener(Playout(original_level_db=0.0))
    listener.overhear(*[loudest] * 10)
    listener.speak(*[loudest] * 50)
    listener.overhear(*[loudest] * 100)
    assert set(listener.heard) == {loudest}


def test_the_translation_is_heard_at_its_own_level_over_the_original() -> None:
    listener = Listener(Playout(original_level_db=-60.0))
    listener.overhear(*[ORIGINAL] * 10)
    listener.speak(*[TRANSLATED] * 100)
    listener.overhear(*[ORIGINAL] * 300)
    middle = mulaw.decode(listener.heard[100]).astype(float)
    assert np.abs(middle - mulaw.decode(TRANSLATED)).max() <= 600


# -- what sounds while there is nothing else


LOOP = [loud(900), loud(901), loud(902)]


def test_the_loop_on_hold_sounds_again_and_again_in_order() -> None:
    listener = Listener()
    listener.playout.hold(b"".join(LOOP))
    listener.wait(1.0)
    assert numbers(listener.heard)[:7] == [900, 901, 902, 900, 901, 902, 900]
    assert len(listener.heard) == pytest.approx(1.0 / FRAME_SECONDS, abs=6)


def test_the_loop_on_hold_sounds_only_while_nothing_else_does() -> None:
    listener = Listener()
    listener.playout.hold(b"".join(LOOP))
    listener.wait(1.0)
    listener.speak(*spoken(0, 50))
    listener.wait(3.0)
    listener.overhear(*spoken(100, 150))
    listener.wait(1.0)
    heard = numbers(listener.heard)
    first, last = heard.index(0), heard.index(49)
    assert heard[first : last + 1] == list(range(50))
    first, last = heard.index(100), heard.index(149)
    assert heard[first : last + 1] == list(range(100, 150))
    assert set(heard[:50]) <= {900, 901, 902}
    assert set(heard[-30:]) <= {900, 901, 902}


def test_the_loop_on_hold_ends_when_it_is_taken_away() -> None:
    listener = Listener()
    listener.playout.hold(b"".join(LOOP))
    listener.wait(1.0)
    count = len(listener.heard)
    listener.playout.hold(b"")
    listener.wait(1.0)
    assert len(listener.heard) == count


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
