"""What tasks wait for: as asyncio's own, in less memory."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

import pytest
from fakes import settle

from bmv.waiting import Event, Queue


async def test_all_who_wait_for_an_event_are_woken_and_later_ones_do_not_wait() -> None:
    event = Event()
    waiting = [asyncio.create_task(event.wait()) for _ in range(3)]
    await settle()
    assert not event.is_set()
    assert not any(task.done() for task in waiting)

    event.set()
    await settle()
    assert event.is_set()
    assert all(task.done() for task in waiting)
    async with asyncio.timeout(0):
        await event.wait()


async def test_who_waits_is_woken_by_an_event_that_is_cleared_at_once() -> None:
    event = Event()
    waiting = asyncio.create_task(event.wait())
    await settle()

    event.set()
    event.clear()
    await settle()
    assert waiting.done()

    waiting = asyncio.create_task(event.wait())
    await settle()
    assert not waiting.done()
    waiting.cancel()


async def test_nothing_is_left_of_who_gave_up_waiting_for_an_event() -> None:
    event = Event()
    impatient, patient = (asyncio.create_task(event.wait()) for _ in range(2))
    await settle()

    impatient.cancel()
    event.set()  # before the cancelled one has had its turn
    await patient
    with suppress(asyncio.CancelledError):
        await impatient
    assert impatient.cancelled()
    assert event._waiters == []


async def test_a_queue_gives_in_order_and_has_its_reader_wait_in_between() -> None:
    queue: Queue[int | None] = Queue()
    queue.put_nowait(1)
    queue.put_nowait(None)
    assert await queue.get() == 1
    assert await queue.get() is None

    reading = asyncio.create_task(queue.get())
    await settle()
    assert not reading.done()
    queue.put_nowait(2)
    assert await reading == 2


async def test_a_reader_of_a_queue_who_gives_up_loses_nothing() -> None:
    queue: Queue[int] = Queue()
    reading = asyncio.create_task(queue.get())
    await settle()

    queue.put_nowait(1)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await queue.get() == 1


@pytest.mark.parametrize("made", [Event, Queue])
def test_they_take_less_than_one_deque(made: type[Event | Queue[int]]) -> None:
    whole, parts = 0, [made()]
    while parts:
        part = parts.pop()
        whole += sys.getsizeof(part)
        parts += [getattr(part, name) for name in getattr(part, "__slots__", ()) if name != "_set"]
    assert whole < 400
