"""OpenAI's translation service, simulated: a real server on loopback that the bridge meets on the wire.

It refuses what the real one refuses, and by cue it fails as the real one fails.
"""

import asyncio
import contextlib
import hmac
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from aiohttp import WSCloseCode, web

from bmv.simulator.openai.brains import Brain, EchoBrain
from bmv.simulator.openai.engine import Manner, Silence
from bmv.simulator.openai.faults import NO_FAULT, Fault, Refusal
from bmv.simulator.openai.session import Session, SessionRecord
from bmv.simulator.openai.wire import MODEL, ServerEvents, error_body

API_KEY: Final = "sk-simulated-0123456789"
"""The key that is taken if a test names no other."""

_PATH = "/v1/realtime/translations"
_PING_SECONDS = 20.0  # the real service pings every 20.3 s (measured by others)
_LONGEST_MESSAGE = 16 * 1024 * 1024
_FAREWELL_SECONDS = 1.0

BrainFactory = Callable[[], Brain]


class FakeOpenAI:
    """The simulated service. Use it as `async with FakeOpenAI(...) as fake` and give `fake.url` as OPENAI_BASE_URL.

    After the block no task and no socket of it is left. What went wrong inside it, a bug of a brain for example, is
    raised at the end of the block as an ExceptionGroup.
    """

    def __init__(
        self,
        brain_factory: BrainFactory = EchoBrain,
        *,
        api_key: str = API_KEY,
        pace: float = 1.0,
        frame_ms: int = 400,
        silence: Silence = "zero",
        fault: Fault = NO_FAULT,
    ) -> None:
        """Make a service in which each session gets a brain of its own, and which is not open yet.

        `pace` is the seconds of output for a second of input, 1 or 2; `frame_ms` the length of an output delta;
        `silence` what is sent while nothing is said; `fault` happens to each connection without one of its own.
        """
        self.sessions: list[SessionRecord] = []
        """One for each socket that was opened, in order."""
        self.connections = 0
        """Upgrades that were asked for, refused ones too."""
        self.api_key = api_key
        self._brain_factory = brain_factory
        self._manner = Manner(pace, frame_ms, silence)
        self._fault = fault
        self._next_faults: deque[Fault] = deque()
        self._sockets: set[web.WebSocketResponse] = set()
        self._failures: list[Exception] = []
        self._changed = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """The base URL, `http://127.0.0.1:PORT/v1`."""
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def open_sessions(self) -> list[SessionRecord]:
        """The sessions that have not ended."""
        return [session for session in self.sessions if session.closed_by is None]

    def fail_next(self, fault: Fault, times: int = 1) -> None:
        """Let this go wrong with the next connection, or the next few; those after them are served well."""
        self._next_faults.extend([fault] * times)

    async def until(self, condition: Callable[[], bool], *, seconds: float = 5.0) -> None:
        """Wait until the condition holds, which is looked at after each event of any session. TimeoutError."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get(_PATH, self._serve)
        app.router.add_get("/v1/models/{model}", self._show_model)
        app.router.add_route("*", "/{path:.*}", self._show_nothing)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=_FAREWELL_SECONDS)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._port = site.port
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        async with asyncio.TaskGroup() as farewells:
            for socket in list(self._sockets):
                farewells.create_task(_say_farewell(socket))
        if self._runner is not None:
            await self._runner.cleanup()
        if self._failures and error is None:
            raise ExceptionGroup("the simulated service failed", self._failures)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.connections += 1
        fault = self._next_faults.popleft() if self._next_faults else self._fault
        refusal = fault.refuse or self._objection(request)
        if refusal is not None:
            self._changed.set()
            return _refused(refusal)
        socket = web.WebSocketResponse(
            timeout=_FAREWELL_SECONDS, heartbeat=_PING_SECONDS, compress=False, max_msg_size=_LONGEST_MESSAGE
        )
        await socket.prepare(request)
        if _is_beta(request):
            await _reject_beta(socket)
            return socket
        await self._converse(request, socket, fault)
        return socket

    async def _converse(self, request: web.Request, socket: web.WebSocketResponse, fault: Fault) -> None:
        record = SessionRecord(MODEL, {name.lower(): value for name, value in request.headers.items()})
        self.sessions.append(record)
        self._sockets.add(socket)
        try:
            session = Session(socket, self._brain_factory(), manner=self._manner, record=record, fault=fault)
            await session.run(cut=lambda: _cut(request), changed=self._changed.set)
        except Exception as failure:
            self._failures.append(failure)
            _cut(request)
        finally:
            self._sockets.discard(socket)
            if record.closed_by is None:
                record.closed_by, record.close_code = "server", 1006
            self._changed.set()

    def _objection(self, request: web.Request) -> Refusal | None:
        """Check the key before the model, and the model before anything else, like the real service."""
        if (objection := self._key_objection(request)) is not None:
            return objection
        model = request.query.get("model")
        if not model:
            return Refusal(400, "missing_model", "You must provide a model parameter.")
        if model != MODEL:
            return Refusal(404, "model_not_found", f"The model '{model}' does not exist or is not yours to use.")
        if "intent" in request.query:
            return Refusal(400, "invalid_intent", f"Invalid intent {request.query['intent']}")
        return None

    def _key_objection(self, request: web.Request) -> Refusal | None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not key:
            return Refusal(401, None, "Missing bearer or basic authentication in header")
        if not hmac.compare_digest(key.encode(), self.api_key.encode()):
            return Refusal.of(401)
        return None

    async def _show_model(self, request: web.Request) -> web.Response:
        """Answer the plain request by which a client finds out why its upgrade was refused."""
        if (objection := self._key_objection(request)) is not None:
            return _refused(objection)
        if request.match_info["model"] != MODEL:
            return _refused(Refusal.of(404))
        return web.json_response({"id": MODEL, "object": "model", "created": 1778000000, "owned_by": "system"})

    async def _show_nothing(self, request: web.Request) -> web.Response:
        return _refused(Refusal(404, None, f"Invalid URL ({request.method} {request.path})"))


def _refused(refusal: Refusal) -> web.Response:
    error = {"message": refusal.message, "type": refusal.kind, "param": None, "code": refusal.code}
    headers = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
    return web.json_response({"error": error}, status=refusal.status, headers=headers)


def _is_beta(request: web.Request) -> bool:
    """Tell whether the client speaks the interface that ended on 12 May 2026."""
    return "realtime=" in request.headers.get("OpenAI-Beta", "") or "openai-beta" in request.headers.get(
        "Sec-WebSocket-Protocol", ""
    )


async def _reject_beta(socket: web.WebSocketResponse) -> None:
    code = "beta_api_shape_disabled"
    events = ServerEvents(session_id="", model=MODEL, expires_at=0)
    await socket.send_str(events.error(error_body("The Realtime Beta API is no longer supported.", code=code)))
    await socket.close(code=4000, message=f"invalid_request_error.{code}".encode())


async def _say_farewell(socket: web.WebSocketResponse) -> None:
    """Close in good manners, but do not wait for a client that has stopped to read."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_FAREWELL_SECONDS):
            await socket.close(code=WSCloseCode.GOING_AWAY)


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
