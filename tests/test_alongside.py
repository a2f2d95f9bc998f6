"""A task beside a block: alive exactly as long as the block is."""

from __future__ import annotations

import asyncio

import pytest
from fakes import settle

from bmv.call.alongside import alongside


class Broken(Exception):
    """What went wrong in a test."""


class Work:
    """Something to do beside a block, with a diary."""

    def __init__(self, *, fails: Exception | None = None, at_the_end: Exception | None = None) -> None:
        self.diary: list[str] = []
        self._fails = fails
        self._at_the_end = at_the_end

    async def __call__(self) -> None:
        self.diary.append("began")
        try:
            if self._fails:
                raise self._fails
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            self.diary.append("ended")
            if self._at_the_end:
                raise self._at_the_end


async def breaking_block(work: Work) -> None:
    async with alongside(work()):
        await settle()
        raise Broken("the block")


def nobody_else() -> bool:
    return asyncio.all_tasks() == {asyncio.current_task()}


async def test_the_work_runs_beside_the_block_and_has_ended_when_the_block_has() -> None:
    work = Work()
    async with alongside(work()):
        await settle()
        assert work.diary == ["began"]
    assert work.diary == ["began", "ended"]
    assert nobody_else()


async def test_the_blocks_own_exception_comes_out_by_its_name() -> None:
    work = Work()
    with pytest.raises(Broken, match="the block"):
        await breaking_block(work)
    assert work.diary == ["began", "ended"]


async def test_work_that_failed_is_reported_when_the_block_succeeds() -> None:
    with pytest.raises(Broken, match="the work"):
        async with alongside(Work(fails=Broken("the work"))()):
            await settle()
    assert nobody_else()


async def test_work_that_fails_while_it_is_stopped_is_reported_too() -> None:
    with pytest.raises(Broken, match="stopping"):
        async with alongside(Work(at_the_end=Broken("stopping"))()):
            await settle()


async def test_when_both_fail_the_block_is_the_one_to_report() -> None:
    with pytest.raises(Broken, match="the block"):
        await breaking_block(Work(fails=Broken("the work")))


async def test_work_that_is_done_early_is_no_trouble() -> None:
    async def quick() -> None:
        return

    async with alongside(quick()):
        await settle()
    assert nobody_else()


async def test_a_block_that_is_left_at_once_leaves_no_work_behind() -> None:
    async with alongside(Work()()):
        pass
    assert nobody_else()


async def test_cancelling_the_block_ends_the_work_and_stays_a_cancellation() -> None:
    work = Work()

    async def block() -> None:
        async with alongside(work()):
            await asyncio.Event().wait()

    task = asyncio.create_task(block())
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert work.diary == ["began", "ended"]
    assert nobody_else()
