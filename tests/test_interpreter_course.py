"""Any course of a direction: who comes and goes, what is lost, in which language. No frame is without a fate."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pytest
from direction import ENGLISH, PAIR, TO_GERMAN, TRANSLATION, Direction, english
from fakes import lost, loud, numbers, settle
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bmv.audio.mulaw import FRAME_SECONDS, SILENCE
from bmv.audio.voice import VoiceDetector
from bmv.call.alongside import alongside
from bmv.call.ledger import Fate
from bmv.call.mode import NOBODY_LISTENS, Mode
from bmv.call.translator import LanguagePair

PAIRS = [PAIR, TO_GERMAN, PAIR, TO_GERMAN, None]
CUT_OFF = "the call ended: shutdown"
REMEMBERED = 500  # frames
ONSET = 3  # frames

pytestmark = pytest.mark.usefixtures("quiet_log")


@pytest.fixture(scope="module")
def quiet_log() -> Iterator[None]:
    with capture_logs():
        yield


@dataclass(frozen=True)
class Said:
    """20 ms of the speaker's line: the number of a loud frame, or None for silence."""

    number: int | None
    voiced: bool
    at: float


class Course:
    """A direction to which things happen, beside what can be known from outside of who should have heard what."""

    def __init__(self, *, underneath: bool) -> None:
        self.direction = Direction(replay_seconds=1.0)
        self.interpreter = self.direction.interpreter
        self.interpreter.forward_original = underneath
        self.detector = VoiceDetector()
        self.said: list[Said] = []
        self.missed: deque[Said] = deque(maxlen=REMEMBERED)  # that can still be taken up
        self.heard: list[Said] = []  # while somebody listened, or taken up, in that order
        self.listening = self.finished = False
        self.silent = False  # sessions show no life but by what they are let say
        self.losses = self.changes = 0

    # -- what happens, as long or as often as a number says

    async def take(self, step: str, number: int) -> None:
        if step in CALL:
            self._call(step, number)
        elif step in LINE:
            await self._line(step, number)
        elif step in TROUBLES:
            self._trouble(step, number)
        elif self.direction.translators.open_sessions:
            self._let_the_session(step, number)
        await settle()

    def _call(self, step: str, number: int) -> None:
        match step:
            case "begin":
                self._begin(None if number % 2 else self.direction.clock() - number / 15)
            case "pause":
                self._pause()
            case "retarget":
                self._retarget(PAIRS[number % 5])
            case "prepare":
                self.interpreter.prepare()
            case "finish":
                self.finished = True
                self.interpreter.finish()

    async def _line(self, step: str, number: int) -> None:
        if step == "stall":
            await self.direction.stall(number * FRAME_SECONDS)
        else:
            await self._pass_time(number, talking=step != "be quiet", wrongly=step == "talk wrongly")

    def _begin(self, since: float | None) -> None:
        self.interpreter.begin(since)
        if not self.listening and not self.finished:
            self.heard += taken_up(list(self.missed), since)
            self.missed.clear()
            self.listening = True

    def _pause(self) -> None:
        self.interpreter.pause()
        if self.listening:
            self.missed.clear()
            self.listening = False

    def _retarget(self, pair: LanguagePair | None) -> None:
        self.changes += pair != self.interpreter.pair
        self.direction.party.language = pair.target if pair else ENGLISH
        self.interpreter.retarget(pair)

    async def _pass_time(self, frames: int, *, talking: bool, wrongly: bool) -> None:
        """What is said `wrongly` is told as missed while somebody listens, and as heard while nobody does."""
        notices, fed = len(self.direction.speaker.said), self._fed()
        for _ in range(frames):
            await self._say(len(self.said) if talking else None, missed=self.listening is wrongly)
        if not self.listening:
            assert len(self.direction.speaker.said) == notices, "nobody is told anything who does not listen"
            assert self.finished or self._fed() == fed, "nor is anybody paid to translate"

    async def _say(self, number: int | None, *, missed: bool) -> None:
        frame = SILENCE if number is None else loud(number)
        await self.direction.say([frame], missed=missed)
        said = Said(number, self.detector.feed(frame), self.direction.clock())
        self.said.append(said)
        (self.missed if missed or not self.listening else self.heard).append(said)
        if len(self.said) % 50 == 0 and not self.silent and self.direction.translators.open_sessions:
            self.direction.session.show_life()

    def _trouble(self, step: str, number: int) -> None:
        kind = self.direction.translators
        self.losses += 1
        match step:
            case "be refused":
                kind.refusals = [lost()] * (number % 5)
            case "open late":
                kind.opening.clear()
            case "open":
                kind.opening.set()
            case "close late":
                kind.closing.clear()
            case "close":
                kind.closing.set()
            case "be silent":
                self.silent = True

    def _let_the_session(self, step: str, number: int) -> None:
        session = self.direction.session
        match step:
            case "speak":
                session.speak(*english(0, number))
            case "process":
                session.process(round(len(session.fed) * number / 180), translated=number % 3 > 0)
            case "lose":
                self.losses += 1
                session.lose(lost(permanent=number % 10 == 0))
            case "end":
                self.losses += 1
                session.end()

    # -- what always holds

    def assert_right(self) -> None:
        speech, pair = self.direction.speech, self.interpreter.pair
        assert speech.heard_frames == voiced(self.said)
        assert speech.pending >= 0
        assert speech.replayed_frames <= speech.heard_frames
        assert (self.interpreter.mode not in NOBODY_LISTENS) is self.listening
        if self.listening and pair is None:
            assert self.interpreter.mode is Mode.PASSING_THROUGH
            assert speech.pending == voiced(self.missed), "but for what was told wrongly all is given at once"
        sessions = [each for each in self.direction.translators.sessions if not each.closed]
        assert len(sessions) <= 1
        assert all(each.pair == pair for each in sessions)
        for session in self.direction.translators.sessions:
            assert is_part_of(numbers(session.fed), self.heard), "fed out of order, or twice, or what nobody heard"

    def assert_well_ended(self) -> None:
        """What the ledger says is what the listener heard and the sessions were fed, as far as that can be told."""
        speech = self.direction.speech
        assert speech.pending == 0
        assert speech.frames(Fate.NOT_TRANSLATABLE) == voiced(self.said) - voiced(self.heard), "whoever hung up"
        for reason in self.direction.reasons - {CUT_OFF}:
            assert reason.startswith("older than REPLAY_SECONDS when ")
            assert self.changes if reason.endswith("languages changed") else self.losses
        if self.interpreter.forward_original:
            return  # which is mixed with what is above it, and cannot be read then
        given = [number for number in numbers(self.direction.leg.frames) if number < TRANSLATION]
        assert is_part_of(given, self.heard), "given out of order, or twice, or what nobody heard"
        voices = {each.number for each in self.heard if each.voiced and each.number is not None}
        fed = {number for session in self.direction.translators.sessions for number in numbers(session.fed)}
        assert len(voices - fed - set(given)) <= speech.frames(Fate.LOST), "neither told to anybody nor given"
        as_it_is = speech.frames(Fate.PASSED_THROUGH) - len(voices & set(given))
        assert 0 <= as_it_is <= voiced(each for each in self.heard if each.number is None), "which cannot be read"

    def _fed(self) -> int:
        return sum(len(session.fed) for session in self.direction.translators.sessions)


def voiced(frames: Iterable[Said]) -> int:
    return sum(each.voiced for each in frames)


def is_part_of(found: list[int], frames: list[Said]) -> bool:
    """Whether these are numbers of such frames, in the same order, and each of them once."""
    rest = iter(each.number for each in frames)
    return all(number in rest for number in found)


def taken_up(missed: list[Said], since: float | None) -> list[Said]:
    """What is to be heard though it was missed: all since a moment, or the utterance that is under way."""
    if since is None:
        earliest, voices = 0, [place for place in range(len(missed)) if all(each.voiced for each in missed[place:])]
    else:
        earliest = sum(each.at < since for each in missed)
        voices = [place for place in range(earliest, len(missed)) if missed[place].voiced]
    return missed[max(voices[0] - ONSET, earliest) :] if voices else []


CALL = ["begin", "begin", "begin", "pause", "retarget", "retarget", "prepare", "finish"]
LINE = ["talk"] * 8 + ["be quiet"] * 3 + ["stall", "talk wrongly"]
SESSIONS = ["speak", "speak", "process", "process", "process", "lose", "end"]
TROUBLES = ["be refused", "open late", "open", "close late", "close", "be silent"]
STEPS = st.tuples(st.sampled_from([*CALL[:-1], *LINE, *SESSIONS, *TROUBLES]), st.integers(1, 180))


@pytest.mark.parametrize("underneath", [False, True], ids=["translation only", "original underneath"])
@settings(max_examples=60)
@given(
    before=st.lists(STEPS, max_size=4),
    during=st.lists(STEPS, min_size=12, max_size=40),
    end=st.none() | st.integers(4, 60),
)
def test_whatever_happens_every_voiced_frame_has_one_fate_and_is_heard_in_order(
    underneath: bool, before: list[tuple[str, int]], during: list[tuple[str, int]], end: int | None
) -> None:
    if end is not None:
        during.insert(end, ("finish", 0))

    async def live() -> None:
        course = Course(underneath=underneath)
        async with alongside(course.interpreter.run()):
            for step, number in [*before, ("begin", 1), *during]:
                await course.take(step, number)
                course.assert_right()
            course.direction.translators.closing.set()
            course.direction.drain()
        assert not course.direction.translators.open_sessions
        assert asyncio.all_tasks() == {asyncio.current_task()}
        course.interpreter.settle(Fate.LOST, CUT_OFF)
        course.assert_well_ended()

    asyncio.run(live())
