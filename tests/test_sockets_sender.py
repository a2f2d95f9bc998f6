"""What is sent over a WebSocket: at once where the peer takes it, in order, and with a word when it does not go."""

import asyncio

import aiohttp
import pytest
from socket_ends import KINDS, Ends, connected

from bmv.sockets import Sender


async def received(ends: Ends, count: int) -> list[str | bytes]:
    return [(await ends.peer.receive()).data for _ in range(count)]


def stuck(ends: Ends) -> Sender:
    """Write to a peer that takes nothing, until no more can be on its way."""
    sender = Sender(ends.ours)
    ends.peer_transport.pause_reading()
    while not sender.is_stuck:
        sender.write(b"x" * 20_000)
    return sender


@pytest.mark.parametrize("kind", KINDS)
async def test_text_is_on_its_way_when_write_comes_back(kind: str) -> None:
    async with connected(kind) as ends:
        sender = Sender(ends.ours)
        for number in range(20):
            sender.write(b"%d" % number)
        assert not sender.is_stuck
        assert await received(ends, 20) == [str(number) for number in range(20)]


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_written_while_the_peer_takes_nothing_follows_in_order(kind: str) -> None:
    async with connected(kind, small=True) as ends:
        sender = Sender(ends.ours)
        ends.peer_transport.pause_reading()
        sent: list[str] = []
        while not sender.is_stuck:
            sent.append(f"{len(sent)} " + "x" * 20_000)
            sender.write(sent[-1].encode())
        for number in range(3):
            sender.write(b"late %d" % number)
        freeing = asyncio.create_task(sender.free())
        await asyncio.sleep(0.01)
        assert not freeing.done()
        ends.peer_transport.resume_reading()
        assert await received(ends, len(sent) + 3) == [*sent, "late 0", "late 1", "late 2"]
        await freeing
        assert not sender.is_stuck


@pytest.mark.parametrize("kind", KINDS)
async def test_where_the_peer_takes_only_some_of_it_the_rest_waits_for_the_next_time(kind: str) -> None:
    async with connected(kind, small=True) as ends:
        sender = stuck(ends)
        for number in range(50):
            sender.write(b"late %d " % number + b"x" * 20_000)
        freeing = asyncio.create_task(sender.free())
        ends.peer_transport.resume_reading()
        late: list[str | bytes] = []
        while len(late) < 50:
            late += [data for data in await received(ends, 1) if str(data).startswith("late")]
        await freeing
        assert [str(data).split()[1] for data in late] == [str(number) for number in range(50)]


@pytest.mark.parametrize("kind", KINDS)
async def test_waiting_for_a_peer_can_be_given_up(kind: str) -> None:
    async with connected(kind, small=True) as ends:
        sender = stuck(ends)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await sender.free()
        ends.peer_transport.abort()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_connection_that_breaks_while_the_peer_takes_nothing_is_told(kind: str) -> None:
    async with connected(kind, small=True) as ends:
        sender = stuck(ends)
        ends.peer_transport.abort()
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            await sender.free()


@pytest.mark.parametrize("kind", KINDS)
async def test_writing_to_a_closed_socket_says_so(kind: str) -> None:
    async with connected(kind) as ends:
        sender = Sender(ends.ours)
        await ends.ours.close()
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            sender.write(b"too late")
