"""What OpenAI's two realtime endpoints share: opening a WebSocket, sending beside receiving, and saying why it ended.

What is said on the socket is the business of each session; this only carries messages.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress

import aiohttp
import structlog

from bmv.call.alongside import alongside
from bmv.call.translator import TranslatorLost
from bmv.metrics import Histogram, LastProblem
from bmv.sockets import ClientSocket, Sender, Take, texts
from bmv.translators import openai_errors as errors

log = structlog.get_logger()

OPEN_SECONDS = 5.0  # connecting takes 1.0-1.7 s and the update 0.2 s where it was measured
SEND_SECONDS = 5.0  # a socket that takes nothing for this long is dead
CLOSE_SECONDS = 1.0  # for the closing handshake; the call is over, nobody waits for it
BODY_SECONDS = 0.5  # for the body of a refusal, once its head is here
BODY_BYTES = 65_536  # of it that are read
HEARTBEAT_SECONDS = 20.0
OUTBOX_MESSAGES = 150  # 30 s of audio in messages of 200 ms: who is so far behind will not catch up
OUTBOX_COMMANDS = 1000  # of messages that are no audio: who makes us answer so often and reads nothing is not well
SILENT_REFUSALS = 3  # in a row, within SILENT_SECONDS: 429 that neither says why nor when to come back means no money
SILENT_SECONDS = 60.0
SILENT_LEAST_SECONDS = 10.0  # and no sooner: calls that lose their sessions together are refused together
NO_CODE, NO_GOODBYE = 1005, 1006

SESSION_SECONDS = 3600.0  # the longest a session lasts, and what one that does not say is taken to last
BELIEVED_SECONDS = 5.0  # the shortest: to a clock that is an hour ahead each ends just now, or in a moment
_RENEW_AT = (5 / 6, 11 / 12)  # of its life: 5 to 10 minutes before the end of a full one


def renew_after(expires_at: float | None, *, now: float, chance: Callable[[], float] = random.random) -> float:
    """Tell in how many seconds a session that has just begun should be replaced.

    `expires_at` is the end that the server names and `now` the present, both in seconds of Unix time. It is spread by
    `chance` (0 to 1), so that the calls of a busy hour do not all renew at once. An end that is missing, past, or
    nearer or further away than that of any session (a clock is wrong) is taken to be an hour away.
    """
    life = expires_at - now if expires_at is not None else SESSION_SECONDS
    if not BELIEVED_SECONDS < life <= SESSION_SECONDS:
        life = SESSION_SECONDS
    earliest, latest = _RENEW_AT
    return life * (earliest + (latest - earliest) * chance())


class Line:
    """An open socket: messages sent, at once or from a queue, and messages received. Made by `Endpoint.connect`."""

    def __init__(
        self,
        ws: aiohttp.ClientWebSocketResponse[bool],
        *,
        uplink: Histogram,
        problem: LastProblem,
        send_seconds: float = SEND_SECONDS,
    ) -> None:
        self._ws = ws
        self._sender = Sender(ws)
        self._uplink = uplink
        self._problem = problem
        self._send_seconds = send_seconds
        self._clock = asyncio.get_running_loop().time
        self._outbox: list[tuple[bytes, bool, float]] = []
        self._close_code: int | None = None
        self._reason = ""
        self._stuck = False
        self._dropping = False
        self._left = False
        self.expires_at: float | None = None
        """When the server will end the session, in seconds of Unix time; None where it does not say."""

    @property
    def left(self) -> bool:
        """Whether we closed it ourselves, having no more use for it: then its end is no loss."""
        return self._left

    @property
    def close_code(self) -> int | None:
        """With what the socket was closed, once it was found to be: 1005 is a goodbye without a code, 1006 none."""
        return self._close_code

    async def send(self, message: bytes) -> None:
        """Send, and wait until it is taken: while nothing is posted yet. A socket that fails shows in `messages`."""
        try:
            await self._ws.send_frame(message, aiohttp.WSMsgType.TEXT)
        except (aiohttp.ClientError, ConnectionError):
            return

    def post(self, message: bytes, *, audio: bool) -> bool:
        """Send a message at once, or queue it while the server takes nothing; never blocks. What fails shows in
        `messages`.

        A full queue drops its oldest audio and gives False: words are missing then, and the session should be given
        up, so that they are said again to the next. Nothing else is dropped, unless there is far too much of it: that
        gives False as well.
        """
        if not self._sender.is_stuck:
            self._write(message, self._clock())
            return True
        self._outbox.append((message, audio, self._clock()))
        if len(self._outbox) <= OUTBOX_MESSAGES:
            return True
        oldest = next((place for place, (_, is_audio, _) in enumerate(self._outbox) if is_audio), None)
        if oldest is None:
            if len(self._outbox) > OUTBOX_COMMANDS:
                self._outbox.pop()
                return False
            return True
        del self._outbox[oldest]
        if not self._dropping:  # said once: until the session is given up more may be fed, thousands of frames at once
            log.warning("translator_audio_dropped", waiting=len(self._outbox))
        self._dropping = True
        return False

    def messages(self) -> AsyncIterator[bytes]:
        """What the server sends, until the socket closes. May be taken up again where it was left.

        Raises `TranslatorLost` for a message that is no text. Cancelling loses no message.
        """
        return self

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        taken: list[bytes] = []

        def take(message: bytes) -> bool:
            taken.append(message)
            return True

        if await self.listen(take):
            return taken[0]
        raise StopAsyncIteration

    async def listen(self, take: Take) -> bool:
        """Hand what the server sends to `take` until that is enough, or the socket closes: then False.

        As `messages`, but no task is woken for a message: `take` is called while it is read, and what it raises comes
        out here.
        """
        message = await texts(self._ws, take)
        if message is None:
            return True
        match message.type:
            case aiohttp.WSMsgType.BINARY:
                raise TranslatorLost("OpenAI sent a binary message; all of its messages are text")
            case aiohttp.WSMsgType.CLOSE:
                self._close_code, self._reason = message.data or NO_CODE, str(message.extra or "")
            case _:
                self._close_code = self._close_code or NO_GOODBYE  # no close frame came, whatever else did
        return False

    def lost(self, last_error: errors.ErrorDetail | None) -> TranslatorLost:
        """Give the words and the class for a socket that closed before its time, to be raised."""
        if self._stuck:
            return TranslatorLost(f"OpenAI took no audio for {self._send_seconds:g} s")
        log.warning("translator_closed", code=self.close_code, reason=self._reason)
        return self._noted(errors.closed(self.close_code, self._reason, last_error))

    def failed(self, error: errors.ErrorDetail, *, configuring: bool = False) -> TranslatorLost:
        """Give the words and the class for an error event that ends the session, to be raised."""
        return self._noted(errors.reported(error, configuring=configuring))

    async def run(self) -> None:
        """Send what is queued whenever the server takes something again, until cancelled or the socket fails."""
        try:
            while True:
                await self._sender.stuck()
                async with asyncio.timeout(self._send_seconds):
                    await self._sender.free()
                while self._outbox and not self._sender.is_stuck:
                    message, _, posted_at = self._outbox.pop(0)
                    self._write(message, posted_at)
        except (aiohttp.ClientError, ConnectionError):
            return
        except TimeoutError:
            self._stuck = True
            log.warning("translator_takes_no_audio", seconds=self._send_seconds)
            await self._shut()

    async def close(self) -> None:
        """Close the socket: in order if the server answers within CLOSE_SECONDS, else at once. Ends `messages`."""
        self._left = True
        await self._shut()

    async def _shut(self) -> None:
        try:
            async with asyncio.timeout(2 * CLOSE_SECONDS):  # a server that reads nothing could hold even the goodbye
                await self._ws.close()
        except TimeoutError:
            return

    def _write(self, message: bytes, posted_at: float) -> None:
        try:
            self._sender.write(message)
        except (aiohttp.ClientError, ConnectionError):
            return
        self._uplink.add(self._clock() - posted_at)

    def _noted(self, lost: TranslatorLost) -> TranslatorLost:
        # One session that drops is no news; one that shows what all others will meet is.
        if lost.permanent:
            self._problem.note(str(lost))
        return lost


Configure = Callable[[Line], Awaitable[float | None]]
"""Configures the session of a line, and gives its `expires_at`."""


class Endpoint:
    """An address of OpenAI's where sessions are opened. One per factory; it serves any number of lines at a time."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        *,
        url: str,
        headers: Mapping[str, str],
        model: str,
        open_seconds: float = OPEN_SECONDS,
        send_seconds: float = SEND_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`url` without a query; `headers` prove who we are; `clock` tells how far apart refusals are."""
        self.problem = LastProblem()
        self._http = http
        self._url = url
        self._model = model
        self._headers = headers
        self._open_seconds = open_seconds
        self._send_seconds = send_seconds
        self._clock = clock
        self._silent_refusals: deque[float] = deque(maxlen=SILENT_REFUSALS)

    @asynccontextmanager
    async def connect(self, uplink: Histogram, configure: Configure) -> AsyncIterator[Line]:
        """Open a line on which `configure` succeeds, with its sender running; closed when left.

        Raises `TranslatorLost` on entering, within `open_seconds` in all; `problem` then says why. It is for the
        session to say `problem.solved()` when it has seen the model at work: without money a session opens as well.
        """
        try:
            line = await self._open(uplink, configure)
        except TranslatorLost as error:
            self.problem.note(str(error))
            raise
        try:
            async with alongside(line.run()):
                yield line
        finally:
            await line.close()

    async def _open(self, uplink: Histogram, configure: Configure) -> Line:
        try:
            async with asyncio.timeout(self._open_seconds):
                ws = await self._upgrade()
                line = Line(ws, uplink=uplink, problem=self.problem, send_seconds=self._send_seconds)
                try:
                    line.expires_at = await configure(line)
                except BaseException:
                    await line.close()
                    raise
        except aiohttp.ClientError as error:
            raise TranslatorLost(f"OpenAI cannot be reached: {error}") from error
        except TimeoutError as error:
            raise TranslatorLost(f"OpenAI did not open a session within {self._open_seconds:g} s") from error
        return line

    async def _upgrade(self) -> aiohttp.ClientWebSocketResponse[bool]:
        """Open the socket. Of a refusal the body is read, too: it tells "too fast" from "no money".

        aiohttp's own error for a refused upgrade leaves the body out, but a `ClientSession` may bring a check of its
        own for every answer, and that sees the body. So the socket is opened by a session that has one, over the
        connections of ours.
        """
        client = aiohttp.ClientSession(
            connector=self._http.connector,
            connector_owner=False,
            headers=self._http.headers,
            trust_env=self._http.trust_env,
            cookie_jar=aiohttp.DummyCookieJar(),
            raise_for_status=self._check,
            trace_configs=[_NOWHERE_ELSE],
            ws_response_class=ClientSocket,
        )
        async with client:
            ws = await client.ws_connect(
                self._url,
                params={"model": self._model},
                headers=self._headers,
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_SECONDS),
                heartbeat=HEARTBEAT_SECONDS,
                max_msg_size=ClientSocket.MAX_MESSAGE_BYTES,
                decode_text=False,
            )
        self._silent_refusals.clear()
        return ws

    async def _check(self, response: aiohttp.ClientResponse) -> None:
        if response.status == 101:
            return
        body = b""
        with suppress(aiohttp.ClientError, TimeoutError):
            async with asyncio.timeout(BODY_SECONDS):
                while len(body) < BODY_BYTES and (piece := await response.content.read(BODY_BYTES)):
                    body += piece
        response.close()
        raise self._refusal(response, body)

    def _refusal(self, response: aiohttp.ClientResponse, body: bytes) -> TranslatorLost:
        error = errors.read_body(body)
        if error:
            log.warning("translator_refused", status=response.status, error=str(error))
        lost = errors.refused(response.status, error, response.headers, now=time.time())
        tells = error is not None and errors.classify(error) is not errors.Severity.BENIGN
        if response.status != errors.TOO_MANY_REQUESTS or tells or lost.retry_after is not None:
            self._silent_refusals.clear()
            return lost
        return self._silent(lost)

    def _silent(self, lost: TranslatorLost) -> TranslatorLost:
        """Think about a 429 that neither says why nor when to come back: three in a row in a minute mean no money."""
        now = self._clock()
        self._silent_refusals.append(now)
        lasted = now - self._silent_refusals[0]
        if len(self._silent_refusals) == SILENT_REFUSALS and SILENT_LEAST_SECONDS <= lasted <= SILENT_SECONDS:
            return TranslatorLost(f"{lost} ({SILENT_REFUSALS} times in a row)", permanent=True)
        return lost


def _nowhere_else() -> aiohttp.TraceConfig:
    """Make what ends a request that is led to another address: aiohttp would take Azure's key along.

    Of the headers it leaves out only `Authorization`, and `ws_connect` cannot be told to follow nothing.
    """

    async def refuse(_session: object, _context: object, led: aiohttp.TraceRequestRedirectParams) -> None:
        led.response.close()
        words = f"OpenAI leads to another address (HTTP {led.response.status}): check OPENAI_BASE_URL"
        raise TranslatorLost(words, permanent=True)

    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(refuse)
    return trace


_NOWHERE_ELSE = _nowhere_else()  # keeps nothing of a request
