"""WebSockets of aiohttp's at less cost: text is handed over as it arrives, and written without a task.

A task that waits for messages is woken for each by a future and two turns of the event loop, which costs more than to
read and decode the message. aiohttp has no public way around that, so `DirectQueue` takes the place of its private
queue. Where aiohttp is not built as that expects (`_works` tries it out) the queue stays as it is, and `texts` waits
for each message: slower, and the same in all else.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Generator
from typing import Any, ClassVar, Final, Protocol

import aiohttp
from aiohttp import web
from aiohttp.http_websocket import WebSocketReader

from bmv.waiting import Event

try:
    from aiohttp._websocket.reader import WebSocketDataQueue
except ImportError:  # another aiohttp
    WebSocketDataQueue = object  # type: ignore[assignment, misc]

Take = Callable[[bytes], bool]
"""Gets a text message, undecoded; tells whether that is enough."""

_TEXT: Final = aiohttp.WSMsgType.TEXT
_ENOUGH: Final = aiohttp.WSMessage(aiohttp.WSMsgType.ERROR, None, None)
"""Queued by ourselves, to wake whoever waits in `texts`."""


class Socket(Protocol):
    """Either side's WebSocket, as far as it is used here."""

    async def receive(self) -> Any:
        """See aiohttp."""

    async def send_frame(self, message: bytes, opcode: aiohttp.WSMsgType) -> None:
        """See aiohttp."""


# -- receiving ------------------------------------------------------------------------------------------------------


async def texts(ws: Socket, take: Take) -> aiohttp.WSMessage | None:
    """Hand every text message to `take`, in order, until that is enough: then None.

    Otherwise gives what came instead of a text: the end (CLOSE, CLOSING, CLOSED or ERROR) or a binary message. What is
    received and not handed over is kept for the next time; cancelling loses nothing either. What `take` raises comes
    out here. It is called in a copy of the present context, outside of any task.
    """
    queue = getattr(ws, "_queue", None)
    if not isinstance(queue, DirectQueue):
        return await _one_by_one(ws, take)
    queue.take, queue.context = take, contextvars.copy_context()  # a bug that nobody was told of yet is told now
    try:
        message = await _one_by_one(ws, take)  # what came before, and what is no text
    finally:
        queue.take = None
    if bug := queue.bug:
        queue.bug = None
        raise bug
    return message


async def _one_by_one(ws: Socket, take: Take) -> aiohttp.WSMessage | None:
    while True:
        message = await ws.receive()
        if message is _ENOUGH:
            return None
        if message.type is not _TEXT:
            return message  # type: ignore[no-any-return]
        if take(message.data):
            return None


class DirectQueue(WebSocketDataQueue):
    """aiohttp's queue of received messages, which text need not go through.

    Everything else does, and what comes while something waits in it: the order is kept.
    """

    take: Take | None = None
    context = contextvars.Context()
    bug: BaseException | None = None
    """What `take` raised."""

    def feed_data(self, data: Any, size: int) -> None:
        """Called by aiohttp for each message, while it reads what came from the network."""
        take = self.take
        if take is None or self._size or data[0] is not _TEXT:
            WebSocketDataQueue.feed_data(self, data, size)
            return
        try:
            enough = self.context.run(take, data[1])
        except BaseException as bug:  # aiohttp would take it for a broken socket
            enough, self.bug = True, bug
        if enough:
            self.take = None
            WebSocketDataQueue.feed_data(self, _ENOUGH, 0)

    async def read(self) -> Any:
        """Called by aiohttp for the next message in the queue.

        Where that makes room, what did not fit is read now, before the message is given back: it has to wait for it.
        """
        if self._stalled_reader is None:
            return await super().read()
        take, self.take = self.take, None
        try:
            return await super().read()
        finally:
            self.take = take


def _works() -> bool:
    """Whether aiohttp's reader of frames hands its messages to a `DirectQueue`."""

    def take(message: bytes) -> bool:
        taken.append(message)
        return False

    taken: list[bytes] = []
    try:
        queue = DirectQueue(None, 1000, loop=None)  # type: ignore[arg-type]
        queue.take = take
        reader = WebSocketReader(queue, 1000, compress=False, decode_text=False)
        reader.feed_data(b"\x81\x04text\x81\x04more")  # two frames
        return taken == [b"text", b"more"] and queue._size == 0 and queue._stalled_reader is None
    except Exception:
        return False


class _Direct:
    """Makes a socket of aiohttp's one with a `DirectQueue`, by standing in for its private attributes."""

    directly: ClassVar[bool] = _works()
    _queue: WebSocketDataQueue | None = None

    @property
    def _reader(self) -> WebSocketDataQueue | None:
        return self._queue

    @_reader.setter
    def _reader(self, queue: WebSocketDataQueue) -> None:
        if self.directly:
            queue = DirectQueue(queue._protocol, queue._limit // 2, loop=asyncio.get_running_loop())
        self._queue = queue

    def _on_data_received(self) -> None:
        """Put off the next ping. By aiohttp's own way each read of the network adds a callback to the event loop."""
        if self.directly and getattr(self, "_heartbeat_cb", None) is not None:
            self._heartbeat_when = self._loop.time() + self._heartbeat  # type: ignore[attr-defined]
        elif not (self.closed or getattr(self, "_closing", False)):  # type: ignore[attr-defined]
            super()._on_data_received()  # type: ignore[misc]  # a ping is out
        # else aiohttp would plan a ping anew, whose timer keeps a socket that is over, and all that was not read of it


class ServerSocket(_Direct, web.WebSocketResponse):
    """The server's end of a WebSocket."""


class ClientSocket(_Direct, aiohttp.ClientWebSocketResponse):  # type: ignore[misc]
    """The client's end; `ClientSession` makes it where it is told to, and must allow messages of the same size."""

    MAX_MESSAGE_BYTES: ClassVar[int] = 16 * 2**20
    _frames: WebSocketReader | None = None

    @property
    def _parser(self) -> WebSocketReader | None:
        return self._frames

    @_parser.setter
    def _parser(self, reader: WebSocketReader | None) -> None:
        if reader and isinstance(self._queue, DirectQueue):  # it was made for the queue that this one replaces
            reader = WebSocketReader(self._queue, self.MAX_MESSAGE_BYTES, compress=False, decode_text=False)
        self._frames = reader


# -- sending ----------------------------------------------------------------------------------------------------------


class Sender:
    """Writes text messages at once, as long as the peer takes them."""

    def __init__(self, ws: Socket) -> None:
        self._ws = ws
        self._begun: _Begun | None = None
        self._behind: list[bytes] = []
        self._stuck = Event()

    @property
    def is_stuck(self) -> bool:
        """Whether the peer takes nothing at present."""
        return self._begun is not None

    def write(self, message: bytes) -> None:
        """Write a message, or keep it until `free`: how many are kept is the caller's to limit.

        aiohttp writes before it waits for anything, so the message at which the peer is found stuck is on its way.
        Raises `aiohttp.ClientError` or `ConnectionError` on a socket that is closed, or fails.
        """
        if self._begun:
            self._behind.append(message)
            return
        sending = self._ws.send_frame(message, _TEXT)
        try:
            future = sending.send(None)
        except StopIteration:
            return
        self._begun = _Begun(sending, future)
        self._stuck.set()

    async def stuck(self) -> None:
        """Wait until the peer takes nothing."""
        await self._stuck.wait()

    async def free(self) -> None:
        """Wait until the peer takes everything again, and write what was kept; raises as `write` does.

        To be limited in time by the caller: when it is cancelled, what was kept is gone.
        """
        try:
            while self._begun:
                await self._begun
                self._begun = None
                while self._behind and not self._begun:
                    self.write(self._behind.pop(0))
        finally:
            self._begun = None
            self._behind.clear()
            self._stuck.clear()


class _Begun:
    """A coroutine that was begun outside of a task, to be awaited in one; `future` is what it waits for."""

    def __init__(self, coroutine: Coroutine[Any, Any, None], future: Any) -> None:
        self._coroutine = coroutine
        self._future = future

    def __await__(self) -> Generator[Any, None, None]:
        while True:
            try:
                try:
                    yield self._future
                except BaseException as error:
                    self._future = self._coroutine.throw(error)
                else:
                    self._future = self._coroutine.send(None)
            except StopIteration:
                return
