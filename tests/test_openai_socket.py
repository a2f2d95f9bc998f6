"""The socket under both of OpenAI's endpoints, against a local server: opening, sending, closing, renewal."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from openai_server import OpenAI, Session, endpoint, openai, silent, unconfigured
from structlog.testing import capture_logs

from bmv.call.alongside import alongside
from bmv.call.translator import TranslatorLost
from bmv.metrics import Histogram
from bmv.translators.openai_socket import OUTBOX_COMMANDS, OUTBOX_MESSAGES, SESSION_SECONDS, Line, renew_after

# -- opening --------------------------------------------------------------------------------------------------------


async def test_a_configuration_that_fails_closes_the_socket_and_is_the_problem() -> None:
    async def fail(line: Line) -> None:
        raise TranslatorLost("not like this")

    before = asyncio.all_tasks()
    async with openai(silent) as server:
        address = endpoint(server)
        with pytest.raises(TranslatorLost, match="not like this"):
            async with address.connect(Histogram(), fail):
                pass
        assert address.problem.text == "not like this"
        await server.session.closed.wait()
    assert asyncio.all_tasks() == before


async def test_several_lines_of_one_endpoint_do_not_disturb_each_other() -> None:
    async with openai(silent) as server:
        address = endpoint(server)
        async with address.connect(Histogram(), unconfigured) as first:
            async with address.connect(Histogram(), unconfigured) as second:
                second.post(b'{"of":"second"}', audio=False)
                await arrived(server.sessions[1], 1)
            first.post(b'{"of":"first"}', audio=False)
            await arrived(server.sessions[0], 1)
    assert [session.received for session in server.sessions] == [[{"of": "first"}], [{"of": "second"}]]


async def arrived(session: Session, count: int) -> None:
    while len(session.received) < count:  # bounded by the server's own time limit
        await asyncio.sleep(0.001)


# -- sending --------------------------------------------------------------------------------------------------------


async def test_messages_are_sent_in_their_order_and_the_waiting_is_measured() -> None:
    uplink = Histogram()
    async with openai(silent) as server, endpoint(server).connect(uplink, unconfigured) as line:
        await line.send(b'{"n":0}')
        assert all(line.post(b'{"n":%d}' % number, audio=number % 2 == 0) for number in range(1, 20))
        await arrived(server.session, 20)
    assert server.session.received == [{"n": number} for number in range(20)]
    assert uplink.count == 19
    assert uplink.maximum < 5


@asynccontextmanager
async def clogged() -> AsyncIterator[tuple[Line, asyncio.Event, OpenAI]]:
    """A line whose server takes nothing until it is told to, and has `FILLER` on its way."""

    async def deaf_at_first(session: Session) -> None:
        await hears.wait()

    hears = asyncio.Event()
    async with (
        openai(deaf_at_first, small=True) as server,
        endpoint(server).connect(Histogram(), unconfigured) as line,
    ):
        while not line._sender.is_stuck:
            assert line.post(FILLER, audio=True)
        yield line, hears, server


FILLER = b'{"filler":"%s"}' % (b"x" * 40_000)


def without_filler(session: Session) -> list[dict[str, object]]:
    return [message for message in session.received if "filler" not in message]


async def test_a_full_queue_drops_its_oldest_audio_and_says_so_once_and_never_anything_else() -> None:
    with capture_logs() as logs:
        async with clogged() as (line, hears, server):
            kept = [line.post(b'{"control":%d}' % number, audio=False) for number in range(3)]
            kept += [line.post(b'{"audio":"%d"}' % number, audio=True) for number in range(OUTBOX_MESSAGES)]
            kept.append(line.post(b'{"control":3}', audio=False))
            hears.set()
            while {"control": 3} not in server.session.received:
                await asyncio.sleep(0.001)
    assert kept == [True] * OUTBOX_MESSAGES + [False] * 4
    control = [{"control": number} for number in range(4)]
    audio = [{"audio": str(number)} for number in range(4, OUTBOX_MESSAGES)]
    assert without_filler(server.session) == [*control[:3], *audio, control[3]]
    assert [entry["event"] for entry in logs].count("translator_audio_dropped") == 1


async def test_a_queue_full_of_other_things_takes_more_of_them() -> None:
    async with clogged() as (line, hears, server):
        kept = [line.post(b'{"n":%d}' % number, audio=False) for number in range(OUTBOX_MESSAGES + 1)]
        kept.append(line.post(b'{"n":-1}', audio=True))
        hears.set()
        while {"n": OUTBOX_MESSAGES} not in server.session.received:
            await asyncio.sleep(0.001)
    assert kept == [True] * (OUTBOX_MESSAGES + 1) + [False]
    assert without_filler(server.session) == [{"n": number} for number in range(OUTBOX_MESSAGES + 1)]


async def test_a_queue_takes_no_more_of_other_things_than_anybody_needs() -> None:
    async with clogged() as (line, hears, server):
        kept = [line.post(b'{"n":%d}' % number, audio=False) for number in range(OUTBOX_COMMANDS + 10)]
        hears.set()
        while {"n": OUTBOX_COMMANDS - 1} not in server.session.received:
            await asyncio.sleep(0.001)
    assert kept == [True] * OUTBOX_COMMANDS + [False] * 10
    assert without_filler(server.session) == [{"n": number} for number in range(OUTBOX_COMMANDS)]


async def test_a_server_that_takes_nothing_is_noticed() -> None:
    over = asyncio.Event()

    async def deaf(session: Session) -> None:
        await over.wait()

    async def flood(line: Line) -> None:
        while True:
            line.post(b"x" * 20_000, audio=True)
            await asyncio.sleep(0)

    before = asyncio.all_tasks()
    with capture_logs() as logs:
        async with openai(deaf, small=True) as server:
            async with endpoint(server, send_seconds=0.1).connect(Histogram(), unconfigured) as line:
                async with alongside(flood(line)):
                    assert [message async for message in line.messages()] == []
                told = line.lost(None)
            over.set()
    assert str(told) == "OpenAI took no audio for 0.1 s"
    assert not told.permanent
    assert [entry["event"] for entry in logs].count("translator_takes_no_audio") == 1
    assert asyncio.all_tasks() == before


# -- receiving and the end ------------------------------------------------------------------------------------------


async def test_messages_are_taken_up_where_they_were_left() -> None:
    async def talkative(session: Session) -> None:
        for number in range(4):
            await session.say("word", n=number)
        await session.ws.close(code=1001, message=b"bye")

    heard: list[bytes] = []

    async def configure(line: Line) -> None:
        async for message in line.messages():
            heard.append(message)
            return

    async with openai(talkative) as server, endpoint(server).connect(Histogram(), configure) as line:
        codes = [line.close_code]
        heard += [message async for message in line.messages()]
        codes.append(line.close_code)
        assert codes == [None, 1001]
        assert str(line.lost(None)) == "OpenAI closed the connection (code 1001)"
    assert [b'"n": %d' % number in message for number, message in enumerate(heard)] == [True] * 4


async def test_a_torn_connection_is_no_goodbye() -> None:
    async def torn(session: Session) -> None:
        session.transport.abort()

    async with openai(torn) as server, endpoint(server).connect(Histogram(), unconfigured) as line:
        assert [message async for message in line.messages()] == []
        assert line.close_code == 1006


async def test_a_goodbye_without_a_code_is_one() -> None:
    async def curt(session: Session) -> None:
        session.transport.write(b"\x88\x00")

    async with openai(curt) as server, endpoint(server).connect(Histogram(), unconfigured) as line:
        assert [message async for message in line.messages()] == []
        assert line.close_code == 1005


async def test_a_message_beyond_all_measure_ends_the_line() -> None:
    async def overwhelming(session: Session) -> None:
        await session.ws.send_str("x" * (16 * 2**20 + 1))

    async with openai(overwhelming) as server, endpoint(server).connect(Histogram(), unconfigured) as line:
        assert [message async for message in line.messages()] == []
        assert not line.lost(None).permanent


async def test_only_a_loss_that_all_others_would_share_is_a_problem() -> None:
    async def closing(session: Session) -> None:
        code, reason = reasons.pop(0)
        await session.ws.close(code=code, message=reason)

    reasons = [(1001, b"going away"), (4000, b"invalid_request_error.beta_api_shape_disabled")]
    problems = []
    async with openai(closing) as server:
        address = endpoint(server)
        for _ in range(2):
            async with address.connect(Histogram(), unconfigured) as line:
                assert [message async for message in line.messages()] == []
                lost = line.lost(None)
                problems.append(address.problem.text)
    assert problems == [None, str(lost)]


@pytest.mark.parametrize("script", ["silent", "deaf"])
async def test_leaving_closes_the_socket_within_moments_and_leaves_no_task(script: str) -> None:
    over = asyncio.Event()

    async def deaf(session: Session) -> None:
        await over.wait()

    before = asyncio.all_tasks()
    async with openai(deaf if script == "deaf" else silent) as server:
        started = asyncio.get_running_loop().time()
        async with endpoint(server).connect(Histogram(), unconfigured):
            pass
        assert asyncio.get_running_loop().time() - started < 3
        over.set()
    assert asyncio.all_tasks() == before


# -- renewal --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("chance", "minutes"), [(0, 50), (0.5, 52.5), (1, 55)])
def test_a_session_of_an_hour_is_renewed_five_to_ten_minutes_before_its_end(chance: float, minutes: float) -> None:
    assert renew_after(5000 + 3600, now=5000, chance=lambda: chance) == pytest.approx(minutes * 60)


def test_a_shorter_session_is_renewed_in_proportion() -> None:
    assert renew_after(5000 + 12, now=5000, chance=lambda: 0) == pytest.approx(10)


@pytest.mark.parametrize(
    "expires_at", [None, 0, 4999, 5000, 5001, 5000 + 2 * SESSION_SECONDS, float("inf"), float("nan")]
)
def test_a_session_that_does_not_say_sensibly_when_it_ends_is_taken_to_last_an_hour(expires_at: float | None) -> None:
    assert renew_after(expires_at, now=5000, chance=lambda: 0) == pytest.approx(3000)


def test_many_sessions_do_not_renew_at_once() -> None:
    moments = [renew_after(5000 + 3600, now=5000) for _ in range(100)]
    assert all(3000 <= moment <= 3300 for moment in moments)
    assert max(moments) - min(moments) > 60
