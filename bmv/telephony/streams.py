"""A leg over a Twilio media stream: the WebSocket edge of `media`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial

import aiohttp
import structlog
from aiohttp import WSCloseCode, web

from bmv.audio.mulaw import FRAME_BYTES, SAMPLE_RATE, cut
from bmv.call.alongside import alongside
from bmv.errors import ProtocolError
from bmv.sockets import Sender, ServerSocket, texts
from bmv.telephony import media
from bmv.telephony.gathering import Bunch, Gathering, Watch
from bmv.telephony.headway import Headway
from bmv.waiting import Event

log = structlog.get_logger()

START_SECONDS = 5.0  # `connected` and `start` follow the upgrade at once; a peer that sends neither is no Twilio
CLOSE_SECONDS = 1.0  # for the closing handshake
SEND_SECONDS = 5.0
HEARTBEAT_SECONDS = 20.0  # only when nothing at all was received for so long; media comes every 20 ms
_ENDS = (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED)
_GOODBYE = int(WSCloseCode.OK).to_bytes(2, "big")  # the payload of a close frame, RFC 6455 section 5.5.1
HEADER_BYTES = 8  # of a WebSocket's frame, from a client, with some hundred bytes in it
OUTBOX_BYTES = 30 * SAMPLE_RATE  # 30 s: the playout keeps a lead of 0.14 s, so this much means a dead connection


class StreamSocket(ServerSocket):
    """A socket that closes in time, whatever its peer does."""

    async def close(self, *, code: int = WSCloseCode.OK, message: bytes = b"", drain: bool = False) -> bool:  # noqa: ARG002
        """Close within `CLOSE_SECONDS`; closing a closed socket does nothing.

        Without aiohttp's drain, which waits as long as it takes for a peer that takes nothing, and which raises
        `CancelledError` of its own accord where the sender's wait for that peer was cancelled before.
        """
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                return await super().close(code=code, message=message, drain=False)
        except TimeoutError:
            return True


def new_socket() -> StreamSocket:
    """The server's side of a media stream, before the upgrade is answered."""
    return StreamSocket(
        timeout=CLOSE_SECONDS,
        heartbeat=HEARTBEAT_SECONDS,
        compress=False,
        max_msg_size=media.MAX_MESSAGE_BYTES,
        decode_text=False,
    )


async def read_start(ws: web.WebSocketResponse, *, within: float = START_SECONDS) -> media.StartDetail:
    """Wait for `start`; raises `ProtocolError` when something else or nothing comes."""
    try:
        async with asyncio.timeout(within):
            async for message in ws:
                if message.type is aiohttp.WSMsgType.ERROR:
                    raise ProtocolError(f"the media stream broke before its start message: {message.data!r}")
                if message.type is not aiohttp.WSMsgType.TEXT:
                    raise ProtocolError("the media stream does not begin with a start message")
                match media.decode(message.data):
                    case media.Start(start):
                        if not media.is_stream_sid(start.stream_sid):
                            raise ProtocolError("the media stream has no valid streamSid")
                        return start
                    case media.Connected() | None:
                        continue
                    case _:
                        raise ProtocolError("the media stream does not begin with a start message")
    except TimeoutError:
        raise ProtocolError(f"no start message came within {within:g} s of the upgrade") from None
    raise ProtocolError("the media stream was closed before its start message")


class MediaStream:
    """One party's leg; a `Leg` to the call. `listen` is its life."""

    def __init__(
        self,
        ws: web.WebSocketResponse,
        start: media.StartDetail,
        *,
        watch: Watch | None = None,
        send_seconds: float = SEND_SECONDS,
    ) -> None:
        """`watch` is for all legs of the process."""
        self._ws = ws
        self._sender = Sender(ws)
        self._gathering = Gathering(ws.get_extra_info("socket"), watch)
        self._headway = Headway(asyncio.get_running_loop().time)
        self._send_seconds = send_seconds
        self._stream_sid = start.stream_sid
        self.call_sid = start.call_sid
        self._outbox = bytearray()
        self._mark: str | None = None
        self._partial = b""
        self._unreadable = 0
        self._dropping = False
        self._leaving = False
        self._over = Event()
        self._over.set()

    def play(self, audio: bytes, mark: str | None = None) -> None:
        """Send audio to the party, or keep it while its end takes nothing; see `Leg.play`."""
        if not self._sender.is_stuck:
            self._send(audio, mark)
            return
        if len(self._outbox) > OUTBOX_BYTES:  # the connection takes nothing any more: `_flush` is about to give it up
            if not self._dropping:
                log.warning("leg_audio_dropped", waiting_seconds=len(self._outbox) / SAMPLE_RATE)
            self._dropping = True
            return
        self._outbox += audio
        self._mark = mark or self._mark

    async def close(self) -> None:
        """Close the socket, at most `CLOSE_SECONDS` after the goodbye: Twilio goes on with the verbs after the stream.

        The party is listened to until its end has said goodbye as well. aiohttp's own `close`, called while another
        task receives, does not wait for that: it cuts a connection on which audio still arrives, which is a reset, and
        a proxy may notice the reset before our goodbye.
        """
        with contextlib.suppress(TimeoutError, aiohttp.ClientError, ConnectionError):
            async with asyncio.timeout(CLOSE_SECONDS):
                if not self._leaving and not self._over.is_set():
                    self._leaving = True
                    self._gathering.stop()  # the answer is short
                    await self._ws.send_frame(_GOODBYE, aiohttp.WSMsgType.CLOSE)
                await self._over.wait()
        await self._ws.close()

    async def listen(
        self, hear: Callable[[bytes], bool | None], reached: Callable[[str], None], pressed: Callable[[str], None]
    ) -> bool:
        """Hand every 20 ms of the party to `hear` until the stream ends; True if it ended by `stop`, in order.

        `hear` gets one frame or several, and returns whether the next ones may come up to 100 ms late; keys, marks and
        the end wait with them, for 150 ms at most where nothing follows. See `Gathering`.
        `reached` gets the name of each mark that playback has reached, `pressed` each key.
        Raises `ProtocolError` when more is sent than somebody can have said; see `Headway`.
        """
        self._over.clear()
        bunch = Bunch(self._headway.limiting(hear), self._gathering)
        try:
            async with alongside(self._flush()):
                while message := await texts(self._ws, partial(self._take, bunch, reached, pressed)):
                    bunch.flush()
                    if message.type in _ENDS:
                        return False
                    if self._leaving:
                        continue
                    if message.type is aiohttp.WSMsgType.ERROR:  # the next one says that it is over
                        log.warning("stream_broken", error=repr(message.data))
                    else:
                        self._unreadable_message(f"a frame of type {message.type.name}")
            return True
        finally:
            bunch.close()
            self._over.set()

    def _take(self, bunch: Bunch, reached: Callable[[str], None], pressed: Callable[[str], None], text: bytes) -> bool:
        """Do as a message says; True for `stop`."""
        if self._leaving:
            return False
        try:
            event = media.decode(text)
        except ProtocolError as error:
            self._unreadable_message(str(error))
            return False
        if isinstance(event, media.Media):
            self._hear(event.media.payload, len(text) + HEADER_BYTES, bunch)
            return False
        bunch.flush()
        match event:
            case media.Mark(mark):
                reached(mark.name)
            case media.Dtmf(key):
                pressed(key.digit)
            case media.Stop():
                return True
        return False

    def _hear(self, payload: bytes, size: int, bunch: Bunch) -> None:
        """Only frames of 20 ms are gathered, as Twilio sends them."""
        if len(payload) == FRAME_BYTES and not self._partial:
            bunch.add(payload, size)
            return
        audio = self._partial + payload
        whole = len(audio) - len(audio) % FRAME_BYTES
        self._partial = audio[whole:]
        bunch.add_odd(cut(audio[:whole]), size)

    def _unreadable_message(self, what: str) -> None:
        self._unreadable += 1
        if self._unreadable == 1:  # said once; a stream that sends nothing but rubbish would fill the log
            log.warning("unreadable_media_message", error=what)

    def _send(self, audio: bytes, mark: str | None) -> None:
        """Send one message, and the mark behind it; a send that fails shows as the end of `listen`."""
        if self._leaving:  # nothing may follow the goodbye
            return
        try:
            if audio:
                self._sender.write(media.encode_media(self._stream_sid, audio))
            if mark and self._sender.is_stuck:
                self._mark = mark  # not behind what may be the goodbye
            elif mark:
                self._sender.write(media.encode_mark(self._stream_sid, mark))
        except (aiohttp.ClientError, ConnectionError):
            return

    async def _flush(self) -> None:
        """After each time that the peer took nothing: send what was to be played meanwhile, as one message."""
        try:
            while True:
                await self._sender.stuck()
                async with asyncio.timeout(self._send_seconds):
                    await self._sender.free()
                audio, mark = bytes(self._outbox), self._mark
                self._outbox.clear()
                self._mark = None
                self._send(audio, mark)
        except (aiohttp.ClientError, ConnectionError):
            return
        except TimeoutError:
            log.warning("leg_takes_no_audio", seconds=self._send_seconds)
            await self._ws.close()
