"""Whole calls that are told of frames five at a time: all is as if they had been told of each, whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import astuple
from functools import partial
from random import Random

import pytest
from fakes import FakeTranslator, hush, settle, spoken
from talk import AGENT, CALLER, Talk

from bmv import languages
from bmv.audio.mulaw import SILENCE
from bmv.call import sides
from bmv.call.carrier import Seat
from bmv.call.ladder import Ladder
from bmv.call.leg import Role
from bmv.telephony.gathering import FRAMES

pytestmark = pytest.mark.usefixtures("logs")

SPEAKS = [[languages.get(tag)] for tag in ("en", "de", "es")]
BEATS = 500


def some_sound(chance: Random) -> list[bytes]:
    """A voice, silence, or the noise of the line."""
    frames, first = chance.randint(1, 40), chance.randrange(1 << 24)
    return chance.choice([spoken(first, first + frames), [SILENCE] * frames, [hush(first)] * frames])


def something(chance: Random) -> Callable[[Talk], None]:
    """That happens to a call, the same to each that it is done to."""
    agent, speaks, on, part = chance.choice("12"), chance.choice(SPEAKS), chance.random() < 0.5, chance.random()

    def hold(talk: Talk) -> None:
        talk.world.carrier.held = on

    def in_session(happens: Callable[[FakeTranslator], None]) -> Callable[[Talk], None]:
        def to_one_of_them(talk: Talk) -> None:
            if sessions := [session for session in talk.world.provider.sessions if not session.closed]:
                happens(sessions[round(10 * part) % len(sessions)])

        return to_one_of_them

    often = [
        in_session(lambda session: session.process(round(len(session.fed) * part), translated=on)),
        in_session(lambda session: session.speak(*spoken(1 << 28, (1 << 28) + 20))),
    ]
    seldom = [
        lambda talk: talk.call.agent_accepted(agent, speaks),
        lambda talk: talk.call.agent_left(agent),
        lambda talk: talk.call.secure(on),
        hold,
        in_session(lambda session: session.lose()),
    ]
    return chance.choice(often * 5 + seldom)


def found(talk: Talk) -> object:
    """What became of the call: what sessions were given, what was heard and shown, and what the ledgers say."""
    return (
        [(str(session.pair), session.fed, session.voiced, session.closed) for session in talk.world.provider.sessions],
        [bytes(leg.heard) for leg in (talk.caller, talk.agent)],
        [astuple(line) for line in talk.call.transcript.lines()],
        [(each.mode, each.stats.frames, each.stats.speech.summary()) for each in talk.call._interpreters.values()],
    )


async def test_they_may_come_together_while_the_call_is_bridged_and_a_translator_alone_waits_for_them() -> None:
    talk = Talk("es")
    async with talk.living():
        await talk.queued()
        assert not talk.call.hear(AGENT, SILENCE)
        talk.call.agent_accepted()
        await settle()
        assert talk.call.hear(AGENT, SILENCE)
        talk.call.secure(True)
        assert not talk.call.hear(AGENT, SILENCE)
    assert not talk.call.hear(AGENT, SILENCE)


@pytest.mark.parametrize("seed", range(8))
async def test_frames_that_come_together_are_dealt_with_as_if_each_had_come_by_itself(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sides, "Ladder", partial(Ladder, chance=lambda: 1.0))
    chance = Random(seed)
    alone, together = Talk("es"), Talk("es")
    lines: dict[Role, list[bytes]] = {CALLER: [], AGENT: []}
    waiting: dict[Role, list[bytes]] = {CALLER: [], AGENT: []}
    async with asyncio.TaskGroup() as tasks:
        running = []
        for talk in (alone, together):
            running.append(tasks.create_task(talk.call.run()))
            await talk.queued()
            talk.call.agents.seat = Seat("WS1", "WT1")
            talk.call.agent_accepted("1", SPEAKS[0])
        await settle()
        for _ in range(BEATS):
            for role in Role:
                lines[role] = lines[role] or some_sound(chance)
                waiting[role].append(lines[role].pop(0))
                if len(waiting[role]) == FRAMES or chance.random() < 0.1:
                    one_by_one = [alone.call.hear(role, frame) for frame in waiting[role]]
                    assert together.call.hear(role, b"".join(waiting[role])) is one_by_one[-1]
                    waiting[role].clear()
            happens = something(chance) if chance.random() < 0.1 else lambda _: None
            for talk in (alone, together):
                happens(talk)
                talk.world.beat()
            await settle()
            assert found(alone) == found(together)
        for task in running:
            task.cancel()
    assert sum(len(session.fed) for session in together.world.provider.sessions) > FRAMES
