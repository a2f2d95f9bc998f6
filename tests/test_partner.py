"""The scripted partner: says its lines, each when the other has finished."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from bmv.audio import mulaw
from bmv.simulator.conversation import DEMO
from bmv.simulator.phone import partner
from bmv.simulator.twilio import HungUpError, Party
from bmv.simulator.twilio.line import carry

LINES = DEMO.of("agent")[:2]
WORD = mulaw.encode((np.sin(np.arange(1600) / 3) * 8000).astype(np.int16))  # 0.2 s


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partner, "REPLY_AFTER", 0.4)
    monkeypatch.setattr(partner, "LONGEST_NOTICE", 0.8)
    monkeypatch.setattr(partner, "LEAVE_AFTER", 0.5)


@asynccontextmanager
async def line(me: Party, you: Party) -> AsyncIterator[None]:
    carrying = asyncio.create_task(carry(me, you))
    try:
        yield
    finally:
        carrying.cancel()


def lines_said(me: Party) -> int:
    """How many of its lines the partner has said."""
    return sum(line.audio() in me.said for line in LINES)


async def test_it_answers_when_it_is_spoken_to_and_leaves_when_nobody_answers() -> None:
    me, you = Party("partner"), Party("somebody")
    async with line(me, you), asyncio.timeout(20):
        talking = asyncio.create_task(partner.converse(me, LINES, begins=False))
        await asyncio.sleep(1)
        assert lines_said(me) == 0, "nobody has spoken"
        for said in (1, 2):
            you.say(WORD)
            await you.hears_speech(timeout=3)
            await me.done_speaking(timeout=6)
            assert lines_said(me) == said
        await talking


async def test_who_begins_does_not_wait_but_for_the_notice() -> None:
    me, you = Party("partner"), Party("somebody")
    async with line(me, you), asyncio.timeout(20):
        you.say(WORD)  # as a notice would be heard
        talking = asyncio.create_task(partner.converse(me, LINES[:1], begins=True))
        await you.hears_speech(timeout=3)
        await talking


async def test_somebody_who_talks_at_once_is_answered() -> None:
    me, you = Party("partner"), Party("somebody")
    async with line(me, you), asyncio.timeout(20):
        you.say(WORD * 4)
        talking = asyncio.create_task(partner.converse(me, LINES[:1], begins=False))
        await you.hears_speech(timeout=3)
        await talking


async def test_a_line_that_is_cut_ends_it() -> None:
    me = Party("partner")
    talking = asyncio.create_task(partner.converse(me, LINES, begins=True))
    await asyncio.sleep(0)
    me.cut_off()
    with pytest.raises(HungUpError):
        await talking
