"""One side of a call is let go: told first where there is something to tell, and however slow or broken the rest is."""

from __future__ import annotations

import asyncio
from itertools import repeat

import numpy as np
import pytest
from fakes import REFUSED, FakeCarrier, FakeLeg, FakeSpeaker, loud, settle, spoken, understood, until
from structlog.testing import capture_logs

from bmv import languages
from bmv.audio import mulaw
from bmv.audio.echo import EchoGate
from bmv.audio.mulaw import FRAME_SECONDS, SILENCE
from bmv.call import party as module
from bmv.call import session
from bmv.call.carrier import CallIsOver
from bmv.call.leg import Role
from bmv.call.party import Party
from bmv.call.playout import Playout
from bmv.languages import Sentence

SPANISH = languages.get("es")
FOR_EVER = 600.0  # seconds of patience that no test has
BUG = RuntimeError("a bug")


class SlowCarrier(FakeCarrier):
    """Answers when the test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = asyncio.Event()

    async def say(self, call_sid: str, sentence: str, language: languages.Language) -> None:
        await super().say(call_sid, sentence, language)
        await self.answers.wait()

    async def hang_up(self, call_sid: str) -> None:
        await super().hang_up(call_sid)
        await self.answers.wait()


class SlowLeg(FakeLeg):
    """Closes when the test lets it."""

    def __init__(self, call_sid: str) -> None:
        super().__init__(call_sid)
        self.closes = asyncio.Event()

    async def close(self) -> None:
        await super().close()
        await self.closes.wait()


def somebody() -> Party:
    return Party(Role.CALLER, SPANISH, playout=Playout(original_level_db=-18), speaker=FakeSpeaker())


def connected(leg: FakeLeg) -> Party:
    party = somebody()
    party.connect(leg)
    return party


def test_the_stream_knows_best_which_telephone_call_it_belongs_to() -> None:
    party = somebody()
    party.call_sid = "CA-as-announced"
    party.connect(FakeLeg("CA-as-streamed"))
    assert party.call_sid == "CA-as-streamed"


def test_what_is_due_is_played_to_the_stream_and_without_one_it_is_kept() -> None:
    party, leg = somebody(), FakeLeg("CA1")
    party.playout.hold(repeat(loud(1)))
    party.take(10.0)
    assert party.playout.take(10.0), "nothing was due, so this test tests nothing"
    party.connect(leg)
    party.take(10.5)
    assert leg.frames
    assert set(leg.frames) == {loud(1)}


def test_a_notice_is_said_in_the_language_of_the_party_after_all_that_waits_to_be_heard() -> None:
    leg = FakeLeg("CA1")
    party = connected(leg)
    party.playout.speak(b"".join(spoken(0, 20)), 10.0)
    party.notify(Sentence.TRANSLATION_LOST, 10.0)
    party.playout.speak(b"".join(spoken(20, 40)), 10.0)
    for beat in range(100):
        party.take(10.0 + beat * FRAME_SECONDS)
    assert understood(leg.frames) == [*range(20), (Sentence.TRANSLATION_LOST, "es"), *range(20, 40)]


def test_a_mark_is_set_behind_each_second_of_sound() -> None:
    leg = FakeLeg("CA1")
    party = connected(leg)
    party.playout.announce(b"".join(spoken(0, 110)), 10.0)
    for beat in range(150):
        party.take(10.0 + beat * FRAME_SECONDS)
    assert len(leg.frames) == 110
    assert len(set(leg.marks)) == len(leg.marks) == 2


def test_what_a_party_is_played_is_not_taken_for_what_it_says_when_it_comes_back() -> None:
    party = connected(FakeLeg("CA1"))
    words = mulaw.encode((np.random.default_rng(1).normal(size=3 * mulaw.SAMPLE_RATE) * 4000).astype(np.int16))
    party.playout.announce(words, 10.0)
    back = [SILENCE] * 15 + list(mulaw.frames(words))
    passed = []
    for beat, frame in enumerate(back):
        party.take(10.0 + beat * FRAME_SECONDS)
        passed.append(party.echo.filter(frame, 10.0 + beat * FRAME_SECONDS))
    assert sum(frame != SILENCE for frame in passed) * FRAME_SECONDS < 0.5
    assert party.echo.suppressed * FRAME_SECONDS > 2.5


class NotedGate(EchoGate):
    """Notes what it is told of what is played: when it sounds, and for how many seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[float, float]] = []

    def played(self, audio: bytes, at: float) -> None:
        self.told.append((at, len(audio) / mulaw.SAMPLE_RATE))


def test_the_gate_is_told_when_what_is_played_sounds_and_not_when_it_is_sent() -> None:
    party = connected(FakeLeg("CA1"))
    party.echo = gate = NotedGate()
    party.playout.announce(b"".join(spoken(0, 50)), 10.0)
    for beat in range(100):
        party.take(10.0 + beat * FRAME_SECONDS)
    sounds_at = 10.0
    for at, seconds in gate.told:
        assert at == pytest.approx(sounds_at)
        sounds_at += seconds
    assert sounds_at == pytest.approx(11.0)


async def test_a_party_is_told_in_its_language_and_its_call_completed_when_it_has_heard_it() -> None:
    carrier, leg = FakeCarrier(), FakeLeg("CA1")
    party = connected(leg)
    letting_go = asyncio.ensure_future(party.let_go(carrier, farewell=Sentence.GOODBYE, patience=FOR_EVER))
    await settle()
    assert carrier.said == [("CA1", SPANISH.sentences[Sentence.GOODBYE], SPANISH)]
    assert carrier.hung_up == [], "it is still listening"
    party.gone.set()
    await letting_go
    assert carrier.diary == [("say", "CA1"), ("hang_up", "CA1")]
    assert leg.closed


async def test_who_never_finishes_listening_is_hung_up_when_the_patience_is_over() -> None:
    carrier = FakeCarrier()
    async with asyncio.timeout(2):
        await connected(FakeLeg("CA1")).let_go(carrier, farewell=Sentence.GOODBYE, patience=0.01)
    assert carrier.diary == [("say", "CA1"), ("hang_up", "CA1")]


async def test_a_carrier_that_is_slow_to_speak_costs_the_stream_so_that_the_verbs_after_it_speak(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert module.TELL_SECONDS + session.DRAIN_SECONDS < 2, "told or ended within two seconds"
    monkeypatch.setattr(module, "TELL_SECONDS", 0.01)
    carrier, leg = SlowCarrier(), FakeLeg("CA1")
    party = connected(leg)
    with capture_logs() as logs:
        letting_go = asyncio.ensure_future(party.let_go(carrier, farewell=Sentence.GOODBYE, patience=FOR_EVER))
        try:
            async with asyncio.timeout(2):
                while not leg.closed:
                    await asyncio.sleep(0.001)
            await settle()
            assert carrier.hung_up == [], "the verbs are being heard"
        finally:
            carrier.answers.set()
            party.gone.set()
            await letting_go
    assert [(entry["event"], entry["error"]) for entry in logs] == [("farewell_failed", "no answer within 0.01 s")]
    assert carrier.hung_up == ["CA1"]


async def test_nothing_to_tell_means_the_end_of_the_call_and_of_the_stream_at_once() -> None:
    carrier, leg = FakeCarrier(), FakeLeg("CA1")
    await asyncio.wait_for(connected(leg).let_go(carrier, farewell=None, patience=FOR_EVER), timeout=5)
    assert carrier.diary == [("hang_up", "CA1")]
    assert leg.closed == 1


async def test_a_carrier_that_hangs_does_not_keep_the_stream_open_nor_the_stream_the_call() -> None:
    slow_carrier, leg = SlowCarrier(), FakeLeg("CA1")
    carrier, slow_leg = FakeCarrier(), SlowLeg("CA2")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(connected(leg).let_go(slow_carrier, farewell=None, patience=FOR_EVER))
        tasks.create_task(connected(slow_leg).let_go(carrier, farewell=None, patience=FOR_EVER))
        await until(lambda: leg.closed and carrier.hung_up)
        slow_carrier.answers.set()
        slow_leg.closes.set()


async def test_who_has_gone_is_not_told_anything() -> None:
    carrier, leg = FakeCarrier(), FakeLeg("CA1")
    party = connected(leg)
    party.gone.set()
    await asyncio.wait_for(party.let_go(carrier, farewell=Sentence.GOODBYE, patience=FOR_EVER), timeout=2)
    assert carrier.said == []
    assert carrier.hung_up == ["CA1"]
    assert leg.closed


async def test_of_a_party_without_a_telephone_call_nothing_is_asked_of_the_carrier() -> None:
    carrier = FakeCarrier()
    await asyncio.wait_for(somebody().let_go(carrier, farewell=Sentence.GOODBYE, patience=FOR_EVER), timeout=2)
    assert carrier.diary == []


async def test_a_carrier_that_refuses_is_logged_and_nothing_else_is_left_undone() -> None:
    carrier, leg = FakeCarrier(), FakeLeg("CA1")
    carrier.refuses = {"say": REFUSED, "hang_up": REFUSED}
    with capture_logs() as logs:
        await connected(leg).let_go(carrier, farewell=Sentence.GOODBYE, patience=0)
    assert carrier.diary == [("say", "CA1"), ("hang_up", "CA1")]
    assert leg.closed
    failures = [entry for entry in logs if entry["log_level"] == "warning"]
    assert [entry["event"] for entry in failures] == ["farewell_failed", "hang_up_failed"]
    assert {(entry["role"], entry["error"]) for entry in failures} == {("caller", str(REFUSED))}


@pytest.mark.parametrize("method", ["say", "hang_up"])
async def test_a_bug_in_the_carrier_comes_out_after_the_other_steps_were_taken(method: str) -> None:
    carrier, leg = FakeCarrier(), FakeLeg("CA1")
    carrier.refuses = {method: BUG}
    with pytest.raises(RuntimeError, match="a bug"):
        await connected(leg).let_go(carrier, farewell=Sentence.GOODBYE, patience=0)
    assert carrier.diary == [("say", "CA1"), ("hang_up", "CA1")]
    assert leg.closed


async def test_a_bug_in_the_carrier_comes_out_when_the_stream_is_closed_and_not_before() -> None:
    carrier, leg = FakeCarrier(), SlowLeg("CA1")
    carrier.refuses = {"hang_up": BUG}
    letting_go = asyncio.create_task(connected(leg).let_go(carrier, farewell=None, patience=0))
    await settle()
    assert not letting_go.done()
    leg.closes.set()
    with pytest.raises(RuntimeError, match="a bug"):
        await letting_go


@pytest.mark.parametrize("farewell", [None, Sentence.GOODBYE])
async def test_a_stream_that_cannot_be_closed_does_not_keep_the_telephone_call_alive(farewell: Sentence | None) -> None:
    carrier, leg = FakeCarrier(), FakeLeg("CA1")
    leg.broken = BUG
    with pytest.raises(RuntimeError, match="a bug"):
        await connected(leg).let_go(carrier, farewell=farewell, patience=0)
    assert carrier.hung_up == ["CA1"]


async def test_a_call_that_is_over_already_is_not_waited_for() -> None:
    carrier, party = FakeCarrier(), connected(FakeLeg("CA1"))
    carrier.refuses["say"] = CallIsOver("20404")
    await party.let_go(carrier, farewell=Sentence.GOODBYE, patience=FOR_EVER)
    assert carrier.hung_up == ["CA1"]


async def test_where_nothing_can_be_heard_nothing_is_waited_for() -> None:
    carrier, party = FakeCarrier(), somebody()
    party.call_sid = "CA1"
    carrier.refuses["say"] = REFUSED
    await party.let_go(carrier, farewell=Sentence.GOODBYE, patience=FOR_EVER)
    assert carrier.hung_up == ["CA1"]
