"""Half an hour of a call through everything between the speaker's line and the listener's: the delay does not grow."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from itertools import islice

import pytest
from direction import TRANSLATION, Direction
from fakes import FakeTranslator, hush, loud, numbers
from structlog.testing import capture_logs

from bmv.audio.mulaw import FRAME_BYTES, FRAME_SECONDS, SILENCE, frames
from bmv.call.ledger import Fate
from bmv.call.translator import LanguagePair

MINUTE = 3000  # frames
CHUNK = 10  # frames of the speaker, after each of which the translator sends twice as many
PHRASE = 150  # frames, after which a translator does not wait for the speaker's pause
THINKING = 50  # frames, 1 s: how much later than its end a phrase is translated


class TwiceAsFast(FakeTranslator):
    """Says each phrase when it is over, at twice the pace at which it sounds, and fills up with silence."""

    def __init__(self, pair: LanguagePair, clock: Callable[[], float]) -> None:
        super().__init__(pair, clock)
        self._phrase: list[bytes] = []
        self._ready: deque[tuple[int, list[bytes]]] = deque()
        self._saying: deque[bytes] = deque()

    def feed(self, sound: bytes, *, voiced: bool) -> None:
        for frame in frames(sound):
            super().feed(frame, voiced=voiced)
            self._listen(frame)
            if len(self.fed) % CHUNK == 0:
                self._send()

    def _listen(self, frame: bytes) -> None:
        if frame != SILENCE:
            self._phrase.append(loud(TRANSLATION + numbers([frame])[0]))
        if self._phrase and (frame == SILENCE or len(self._phrase) == PHRASE):
            self._ready.append((len(self.fed) + THINKING, self._phrase))
            self._phrase = []

    def _send(self) -> None:
        while self._ready and self._ready[0][0] <= len(self.fed):
            self._saying.extend(self._ready.popleft()[1])
        said = [self._saying.popleft() if self._saying else hush(number) for number in range(2 * CHUNK)]
        self.speak(*said)
        self.process(max(0, len(self.fed) - PHRASE - THINKING))


def in_turns() -> Iterator[bool]:
    """When somebody talks: for six seconds with short breaths in between, and then it is the other one's turn."""
    while True:
        for count, talking in ((120, True), (10, False), (170, True), (400, False)):
            yield from [talking] * count


def nearly_without_a_pause() -> Iterator[bool]:
    """When somebody talks: for nine seconds of ten, all the time."""
    while True:
        for count, talking in ((290, True), (25, False), (160, True), (25, False)):
            yield from [talking] * count


@pytest.mark.parametrize("talking", [in_turns, nearly_without_a_pause], ids=lambda talking: talking.__name__)
async def test_after_half_an_hour_a_listener_hears_no_later_than_in_the_second_minute(
    talking: Callable[[], Iterator[bool]],
) -> None:
    direction = Direction()
    direction.translators.make = TwiceAsFast
    with capture_logs():
        async with direction.begun():
            said_at = await talk(direction, islice(talking(), 30 * MINUTE))
    assert numbers(direction.leg.frames) == list(said_at)
    worst = worst_delays(direction, said_at)
    assert worst[29] <= worst[1] + FRAME_SECONDS
    assert max(worst) < 5.0
    speech = direction.speech
    assert speech.frames(Fate.TRANSLATED) == speech.heard_frames


async def test_the_delay_that_a_lost_session_costs_is_made_up_for_in_the_pauses_and_no_word_is_missing() -> None:
    direction = Direction()
    direction.translators.make = TwiceAsFast
    with capture_logs():
        async with direction.begun():
            said_at = await talk(direction, islice(nearly_without_a_pause(), 4 * MINUTE), lose_at=1600)
    heard = numbers(direction.leg.frames)
    assert set(heard) == set(said_at)
    assert 0 < len(heard) - len(said_at) < 5.0 / FRAME_SECONDS  # a little is said twice rather than not at all
    worst = worst_delays(direction, said_at)
    assert worst[0] > worst[3] + 1.0
    assert worst[3] < 5.0


async def talk(direction: Direction, talking: Iterator[bool], *, lose_at: int | None = None) -> dict[int, float]:
    """Let somebody talk, lose a session once, and let the translator come to an end.

    Gives when each frame was said, by the number that it has in the translation.
    """
    said_at = {}
    for number, talks in enumerate(talking):
        direction.hear(loud(number) if talks else SILENCE)
        if talks:
            said_at[TRANSLATION + number] = direction.clock()
        if number == lose_at:
            await direction.lose()
        if number % CHUNK == 0:
            await direction.let_others_run()
    await direction.keep_quiet(15.0)
    await direction.processed()
    return said_at


def worst_delays(direction: Direction, said_at: dict[int, float]) -> list[float]:
    """For each minute, the longest that it took from a frame being said to its translation being sent to the leg."""
    minute = MINUTE * FRAME_SECONDS
    started = next(iter(said_at.values()))
    worst: defaultdict[int, float] = defaultdict(float)
    sent_at = {number: now for now, number in reversed(list(sent(direction)))}
    for number, said in said_at.items():
        key = int((said - started) / minute)
        worst[key] = max(worst[key], sent_at[number] - said)
    return [worst[key] for key in sorted(worst)]


def sent(direction: Direction) -> Iterator[tuple[float, int]]:
    """When each loud frame was sent to the listener's leg, and its number."""
    frames, position = direction.leg.frames, 0
    for now, end in direction.sent:
        while position * FRAME_BYTES < end:
            yield from ((now, number) for number in numbers([frames[position]]))
            position += 1
