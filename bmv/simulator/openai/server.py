"""OpenAI's translation service, simulated: a real server on loopback that the bridge meets on the wire.

It refuses what the real one refuses, and by cue it fails as the real one fails.
"""

import asyncio
import contextlib
import math
import time
from collections.abc import Callable, Mapping
from functools import partial
from types import TracebackType
from typing import Final, Self

from aiohttp import WSCloseCode, web

from bmv.simulator.connections import Connections
from bmv.simulator.openai import admission, speech
from bmv.simulator.openai.admission import Admission
from bmv.simulator.openai.azure import AzureAdmission
from bmv.simulator.openai.brains import Brain, EchoBrain
from bmv.simulator.openai.connection import Connection
from bmv.simulator.openai.engine import Manner, Silence
from bmv.simulator.openai.faults import NO_FAULT, Cues, Endpoint, Fault, Refusal
from bmv.simulator.openai.items import new_id
from bmv.simulator.openai.realtime_session import RealtimeSession
from bmv.simulator.openai.realtime_wire import RealtimeEvents
from bmv.simulator.openai.records import ConversationRecord, Record, SessionRecord
from bmv.simulator.openai.responder import Responder
from bmv.simulator.openai.responses import Delivery
from bmv.simulator.openai.session import Session
from bmv.simulator.openai.speech import SpeechRecord
from bmv.simulator.openai.turns import EchoTurns, TurnBrain
from bmv.simulator.openai.wire import ServerEvents

API_KEY: Final = "sk-simulated-0123456789"
"""The key that is taken if a test names no other."""

_PING_SECONDS = 20.0  # the real service pings every 20.3 s (measured by others)
_LONGEST_MESSAGE = 16 * 1024 * 1024
_FAREWELL_SECONDS = 1.0
_LIFETIME_SECONDS = 3600.0  # `expires_at` was an hour after the creation (measured by others)

BrainFactory = Callable[[], Brain]
TurnBrainFactory = Callable[[], TurnBrain]


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
        azure: Mapping[str, str] | None = None,
        pace: float = 1.0,
        frame_ms: int = 400,
        silence: Silence = "zero",
        turns: TurnBrainFactory = EchoTurns,
        delivery: Delivery = Delivery(),  # noqa: B008, it is frozen
        fault: Fault = NO_FAULT,
    ) -> None:
        """Make a service in which each session gets a brain of its own, and which is not open yet.

        With `azure` it is a resource of Azure OpenAI with these deployments: the model of each by its name.

        For the translation endpoint, `pace` is the seconds of output for a second of input, 1 or 2; `frame_ms` the
        length of an output delta; `silence` what is sent while nothing is said. For the turn-based endpoint, `turns`
        makes the brains, and `delivery` says how fast answers come. `fault` happens to each connection without one of
        its own.
        """
        self.sessions: list[SessionRecord] = []
        """One for each socket that was opened to the translation endpoint, in order."""
        self.conversations: list[ConversationRecord] = []
        """The same for the turn-based endpoint."""
        self.speech = SpeechRecord()
        """What came to the speech endpoint, and its faults."""
        self.connections = 0
        """Upgrades that were asked for, refused ones too."""
        self.api_key = api_key
        self.models: dict[str, str | None] = dict.fromkeys(
            (*admission.MODELS, *admission.TRANSCRIPTION_MODELS, *speech.MODELS)
        )
        """What `GET /models/{model}` knows: the `shutdown_date` of each, None for one that has none."""
        self._admission = Admission(api_key) if azure is None else AzureAdmission(api_key, azure)
        self._brain_factory = brain_factory
        self._manner = Manner(pace, frame_ms, silence)
        self._turns = turns
        self._delivery = delivery
        self._cues = Cues(fault)
        self._explanation: Refusal | None = None
        self._open: dict[web.WebSocketResponse, tuple[Record, asyncio.Transport]] = {}
        self._failures: list[Exception] = []
        self._changed = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._connections = Connections()
        self._port = 0

    @property
    def url(self) -> str:
        """The base URL, `http://127.0.0.1:PORT/v1`, or `…/openai/v1` as Azure's."""
        return f"http://127.0.0.1:{self._port}{self._admission.prefix}"

    @property
    def open_sessions(self) -> list[Record]:
        """The sessions of both endpoints that have not ended, but for those that cannot notice it (see `deaf`)."""
        every: list[Record] = [*self.sessions, *self.conversations]
        return [session for session in every if session.closed_by is None and not session.deaf]

    def fail_next(
        self, fault: Fault, times: int = 1, *, language: str | None = None, endpoint: Endpoint | None = None
    ) -> None:
        """Let this go wrong with the next connection, or the next few; those after them are served well.

        With `endpoint` only connections to that one count. With `language` the fault waits for a session that is told
        to speak this language (by `session.update`; on the turn-based endpoint in its instructions), and begins there:
        so one direction of a call can fail. A refusal knows no language, see `Cues.add`.
        """
        self._cues.add(fault, times, language=language, endpoint=endpoint)

    def usually(self, fault: Fault = NO_FAULT) -> None:
        """Let this go wrong from now on with every connection for which no other fault waits. Those go on waiting."""
        self._cues.usual = fault

    def heal(self, language: str | None = None) -> None:
        """Forget the faults that still wait for connections. What happens to those that are open goes on.

        With `language` only those that wait for a session which is told to speak it.
        """
        self._cues.clear(language)

    def close_idle(self) -> None:
        """Close the connections on which there is neither a request nor a session."""
        self._connections.close_idle(self._runner)

    async def until(self, condition: Callable[[], bool], *, seconds: float = 5.0) -> None:
        """Wait until the condition holds, which is looked at after each event of any session. TimeoutError."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._connections.middleware])
        for endpoint, door in admission.DOORS.items():
            app.router.add_get(self._admission.prefix + door.path, partial(self._serve, endpoint))
        app.router.add_routes(speech.routes(self._admission, self.speech))
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
            for socket, (record, transport) in list(self._open.items()):
                if record.deaf:
                    transport.abort()
                else:
                    farewells.create_task(_say_farewell(socket))
        if self._runner is not None:
            await self._runner.cleanup()
        if self._failures and error is None:
            raise ExceptionGroup("the simulated service failed", self._failures)

    async def _serve(self, endpoint: Endpoint, request: web.Request) -> web.StreamResponse:
        self.connections += 1
        fault = self._cues.at_upgrade(endpoint)
        refusal = fault.refuse or self._admission.objection(request, endpoint)
        self._explanation = refusal if fault.explained else None
        if refusal is not None:
            self._changed.set()
            return self._admission.refused(refusal)
        socket = web.WebSocketResponse(
            timeout=_FAREWELL_SECONDS, heartbeat=_PING_SECONDS, compress=False, max_msg_size=_LONGEST_MESSAGE
        )
        try:
            await socket.prepare(request)
        except ConnectionError:  # the client went while it was answered
            return socket
        if admission.is_beta(request):
            await admission.reject_beta(socket)
        else:
            await self._converse(endpoint, request, socket, fault)
        return socket

    async def _converse(
        self, endpoint: Endpoint, request: web.Request, socket: web.WebSocketResponse, fault: Fault
    ) -> None:
        transport = request.transport
        if transport is None:
            return  # the client went while it was answered
        model = self._admission.model(request.query["model"])
        headers = {name.lower(): value for name, value in request.headers.items()}
        record: SessionRecord | ConversationRecord
        if endpoint == "translations":
            record = SessionRecord(model=model, headers=headers)
            self.sessions.append(record)
        else:
            record = ConversationRecord(model=model, headers=headers)
            self.conversations.append(record)
        self._open[socket] = record, transport
        try:
            await self._session(record, socket, transport, fault).run(self._changed.set)
        except Exception as failure:
            self._failures.append(failure)
            transport.abort()
        finally:
            del self._open[socket]
            if record.closed_by is None:
                record.closed_by, record.close_code = "server", 1006
            self._changed.set()

    def _session(
        self,
        record: SessionRecord | ConversationRecord,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport,
        fault: Fault,
    ) -> Session | RealtimeSession:
        lifetime = _LIFETIME_SECONDS if fault.expires_in is None else fault.expires_in
        line = Connection(socket, transport, record, fault=fault, lifetime=lifetime, plain=self._admission.plain)
        session_id, expires_at = new_id("sess"), math.ceil(time.time() + lifetime)
        if isinstance(record, SessionRecord):
            events = ServerEvents(session_id=session_id, model=record.model, expires_at=expires_at)
            claim = partial(self._cues.at_update, "translations")
            return Session(line, self._brain_factory(), manner=self._manner, record=record, events=events, claim=claim)
        brain, writer = self._turns(), RealtimeEvents(session_id=session_id, expires_at=expires_at)
        responder = Responder(brain, record=record, events=writer, delivery=self._delivery)
        claim = partial(self._cues.at_update, "realtime")
        return RealtimeSession(line, brain, record=record, events=writer, responder=responder, claim=claim)

    async def _show_model(self, request: web.Request) -> web.Response:
        """Answer the plain request by which a client finds out why its upgrade was refused."""
        refusal = self._admission.key_objection(request) or self._explanation
        if refusal is not None:
            return self._admission.refused(refusal)
        model = request.match_info["model"]
        if model not in self.models:
            return self._admission.refused(Refusal.of(404))
        ends = {"shutdown_date": ended} if (ended := self.models[model]) else {}
        return web.json_response({"id": model, "object": "model", "created": 1778000000, "owned_by": "system"} | ends)

    async def _show_nothing(self, request: web.Request) -> web.Response:
        nowhere = Refusal(404, None, f"Invalid URL ({request.method} {request.path})")
        return self._admission.refused(self._admission.nothing_here or nowhere)


async def _say_farewell(socket: web.WebSocketResponse) -> None:
    """Close in good manners, but do not wait for a client that has stopped to read."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_FAREWELL_SECONDS):
            await socket.close(code=WSCloseCode.GOING_AWAY)
