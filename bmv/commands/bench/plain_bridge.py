"""The yardstick: a bridge as anybody would write it first, with nothing but aiohttp, NumPy and the standard library.

    python plain_bridge.py PORT WORLD_PORT mulaw|24k|24k-2x

It stands alone: nothing of bmv is in it. One message for each frame, `json` and `base64`, the usual event loop, linear
interpolation instead of a filter; no signatures, no gate, no playout, no log, no metrics. Both parties' words go to a
session each, and what comes back is passed on as it comes.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import numpy as np
from aiohttp import web

_WIDE = 3  # samples at 24 kHz for one at 8 kHz
_CODES = ~np.arange(256)
_MAGNITUDES = (((_CODES & 0x0F) << 3) + 132 << (_CODES >> 4 & 7)) - 132  # ITU-T G.711
_DECODED = np.where(_CODES & 0x80, -_MAGNITUDES, _MAGNITUDES).astype(np.int16)
"""The value of each code of mu-law."""
_LOUDEST_LAST = np.argsort(_DECODED, kind="stable")
_BORDERS = (_DECODED[_LOUDEST_LAST][1:].astype(int) + _DECODED[_LOUDEST_LAST][:-1]) / 2
_ENCODED = _LOUDEST_LAST[np.searchsorted(_BORDERS, np.arange(-32768, 32768))].astype(np.uint8)
"""The code of each value from -32768 on: the nearest one."""
_OTHER = {"caller": "agent", "agent": "caller"}
_SAYS = {"caller": ("English", "en"), "agent": ("Spanish", "es")}
"""What a party's words are translated into."""


class PlainBridge:
    """All calls: of each the two legs by role, once they stream."""

    def __init__(self, world: str, *, wide: bool) -> None:
        self._world = world
        self._wide = wide
        self._calls: dict[str, dict[str, tuple[web.WebSocketResponse, str]]] = defaultdict(dict)
        self._http: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def serving(self, port: int) -> AsyncIterator[int]:
        """Serve while inside, at this port or, for 0, at any free one; gives the port."""
        app = web.Application()
        app.add_routes([web.get("/stream", self._stream), web.get("/ready", self._ready)])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as self._http:
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", port)
            await site.start()
            try:
                yield site.port
            finally:
                await runner.cleanup()

    async def _ready(self, _request: web.Request) -> web.Response:
        return web.Response()

    async def _stream(self, request: web.Request) -> web.WebSocketResponse:
        assert self._http is not None  # noqa: S101 - set before the server listens
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        name, role = request.query["call"], request.query["role"]
        url = f"{self._world}/v1/realtime" + ("/translations" if self._wide else "")
        async with self._http.ws_connect(url) as session:
            await session.send_str(json.dumps(self._update(role)))
            passing_on = asyncio.create_task(self._pass_on(session, name, _OTHER[role]))
            async for message in socket:
                event = json.loads(message.data)
                if event["event"] == "start":
                    self._calls[name][role] = socket, event["start"]["streamSid"]
                elif event["event"] == "media":
                    await session.send_str(json.dumps(self._append(event["media"]["payload"])))
                elif event["event"] == "stop":
                    break
            passing_on.cancel()
        self._calls.pop(name, None)
        return socket

    async def _pass_on(self, session: aiohttp.ClientWebSocketResponse, name: str, listener: str) -> None:
        async for message in session:
            event = json.loads(message.data)
            if event["type"] not in ("session.output_audio.delta", "response.output_audio.delta"):
                continue
            if listener not in self._calls[name]:
                continue
            socket, stream_sid = self._calls[name][listener]
            payload = self._narrow(event["delta"]) if self._wide else event["delta"]
            await socket.send_str(
                json.dumps({"event": "media", "streamSid": stream_sid, "media": {"payload": payload}})
            )

    def _update(self, role: str) -> dict[str, Any]:
        language, tag = _SAYS[role]
        if self._wide:
            return {"type": "session.update", "session": {"audio": {"output": {"language": tag}}}}
        audio = {"format": {"type": "audio/pcmu"}, "turn_detection": {"type": "server_vad"}}
        session = {"type": "realtime", "instructions": f"Translate. You say in {language}.", "audio": {"input": audio}}
        return {"type": "session.update", "session": session}

    def _append(self, payload: str) -> dict[str, str]:
        if not self._wide:
            return {"type": "input_audio_buffer.append", "audio": payload}
        pcm = _DECODED[np.frombuffer(base64.b64decode(payload), np.uint8)]
        place = np.arange(len(pcm) * _WIDE) / _WIDE
        wide = np.interp(place, np.arange(len(pcm)), pcm).astype("<i2")
        return {"type": "session.input_audio_buffer.append", "audio": base64.b64encode(wide.tobytes()).decode()}

    def _narrow(self, delta: str) -> str:
        pcm = np.frombuffer(base64.b64decode(delta), "<i2")
        place = np.arange(0, len(pcm), _WIDE)
        narrow = np.interp(place, np.arange(len(pcm)), pcm).astype(np.int16)
        return base64.b64encode(_ENCODED[narrow.astype(int) + 32768].tobytes()).decode()


async def _run(port: int, world_port: int, kind: str) -> None:
    async with PlainBridge(f"http://127.0.0.1:{world_port}", wide=kind != "mulaw").serving(port):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_run(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
