"""The world around the server under test: people, Twilio and OpenAI, all in this process, and what they notice."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from html import unescape
from http import HTTPStatus
from time import perf_counter
from typing import Final, Literal

import aiohttp

from bmv.commands.bench import sound
from bmv.commands.bench.front import Door, Office
from bmv.commands.bench.legs import Leg
from bmv.commands.bench.model import Continuous, Session, TurnBased, Uplink
from bmv.commands.bench.mouth import Played
from bmv.commands.bench.ticker import Ticker
from bmv.commands.bench.websocket import Socket, dial
from bmv.errors import BmvError
from bmv.simulator.twilio.signing import Signer

Kind = Literal["mulaw", "24k", "24k-2x"]
"""Turn-based over mu-law, or continuous at 24 kHz, with its output at the pace of real time or at twice that."""
KINDS: Final[tuple[Kind, ...]] = ("mulaw", "24k", "24k-2x")

HOST, TOKEN = "bench.example.com", "auth-token-of-the-bench"
ACCOUNT, WORKFLOW, WORKSPACE = "AC" + "1" * 32, "WW" + "2" * 32, "WS" + "3" * 32
CALLERS, FLEX = "+14155550100", "+14155550199"
SETUP_SECONDS = 20.0
LOOK_SECONDS = 0.1
_PARAMETER = re.compile(r'<Parameter name="([^"]*)" value="([^"]*)"')
_TASK = re.compile(r"<Task>(.*?)</Task>", re.DOTALL)
_GOLDEN = 0.6180339887498949
_OTHER = {"caller": "agent", "agent": "caller"}


class CallFailed(BmvError):
    """A call did not come about; says at which step."""


@dataclass
class Notes:
    """What the world noticed while it was measured."""

    uplink: Uplink = field(default_factory=Uplink)
    played: Played = field(default_factory=Played)


@dataclass
class Conversation:
    """One call that is up: its legs by role, and the sessions by whose words they translate."""

    legs: dict[str, Leg]
    sessions: dict[str, Session]


class World:
    """Everything but the server. Made by `world`."""

    def __init__(self, kind: Kind, port: int) -> None:
        self.kind = kind
        self.port = port
        self.notes = Notes()
        self.ticker = Ticker()
        self.office = Office(placed=self._placed, updated=self._completed, opened=self._opened)
        self.conversations: list[Conversation] = []
        self.lost: list[str] = []
        """Sockets that were closed though nobody had hung up, and sessions that nobody knows."""
        self.hanging_up = False
        self._signer = Signer(TOKEN)
        self._ordered: asyncio.Queue[tuple[str, dict[str, str]]] = asyncio.Queue()
        self._sessions: asyncio.Queue[Session] = asyncio.Queue()
        self._setting_up = False
        self._server: tuple[aiohttp.ClientSession, int] | None = None
        self._callbacks: dict[str, str] = {}
        """Where it is told that a call is over, by its CallSid."""
        self._telling: set[asyncio.Task[None]] = set()

    def measure(self) -> Notes:
        """Begin to take notes anew, and give the new ones."""
        self.notes = Notes()
        self.ticker.lateness = []
        for each in self.conversations:
            for leg in each.legs.values():
                leg.listener.played = self.notes.played
            for session in each.sessions.values():
                session.move(self.notes.uplink)
        return self.notes

    async def account(self, seconds: float) -> None:
        """Wait until everything that was said and sent before now has arrived, at most for so long; what has not then
        is lost. Calls go on meanwhile."""
        now, until = perf_counter(), perf_counter() + seconds
        legs = [leg for each in self.conversations for leg in each.legs.values()]
        sessions = [each for call in self.conversations for each in call.sessions.values()]
        said = [(each, each.speaker.said) for each in sessions if each.speaker is not None]
        while perf_counter() < until:
            if not any(leg.listener.due(now) for leg in legs) and not any(each.due(upto, now) for each, upto in said):
                return
            await asyncio.sleep(LOOK_SECONDS)
        for leg in legs:
            leg.listener.give_up(now)
        for each, upto in said:
            each.give_up(upto, now)

    # -- calls --------------------------------------------------------------------------------------------------

    async def call(self, http: aiohttp.ClientSession, server: int) -> None:
        """Have one more call with the real server, which listens at this port. Raises `CallFailed`."""
        step = "the caller's webhook"
        self._server = http, server
        self._setting_up = True
        try:
            async with asyncio.timeout(SETUP_SECONDS):
                caller_sid, agent_far = _sid("CA"), _sid("CA")
                form = {"CallSid": caller_sid, "AccountSid": ACCOUNT, "From": _number(), "To": CALLERS}
                twiml = await self._post(http, server, "/incoming-call?lang=es", form)
                step = "the caller's stream"
                legs = {"caller": await self._stream(server, "caller", caller_sid, twiml)}
                step = "the order to call the agent"
                agent_sid, order = await self._ordered.get()
                step = "the agent's stream"
                form = {"CallSid": agent_far, "AccountSid": ACCOUNT, "From": order["From"], "To": order["To"]}
                answered = await self._post(http, server, "/outbound-call", form)
                legs["agent"] = await self._stream(server, "agent", agent_sid, order["Twiml"])
                step = "the agent's acceptance"
                task = _TASK.search(answered)
                event = _task_event(unescape(task[1]) if task else "{}")
                for name in ("created", "accepted"):
                    form = event | {"EventType": f"reservation.{name}"}
                    await self._post(http, server, "/reservation-accepted", form)
                step = "the sessions"
                await self._converse(legs)
        except (TimeoutError, aiohttp.ClientError, ConnectionError) as error:
            raise CallFailed(f"{step}: {str(error) or 'it took too long'}") from error
        finally:
            self._setting_up = False

    async def plain_call(self, server: int) -> None:
        """Have one more call with the plain bridge."""
        self._setting_up = True
        try:
            async with asyncio.timeout(SETUP_SECONDS):
                name, legs = secrets.token_hex(8), {}
                for role in _OTHER:
                    legs[role] = await self._leg(
                        server, role, _sid("CA"), f"/stream?call={name}&role={role}", parameters={}
                    )
                await self._converse(legs)
        except (TimeoutError, ConnectionError) as error:
            raise CallFailed(f"the plain bridge: {str(error) or 'it took too long'}") from error
        finally:
            self._setting_up = False

    async def _converse(self, legs: dict[str, Leg]) -> None:
        """Wait for both sessions, and let the parties talk."""
        sessions: dict[str, Session] = {}
        while len(sessions) < 2:
            session = await self._sessions.get()
            speaker = _OTHER[session.target or "agent"]
            session.attach(legs[speaker], legs[_OTHER[speaker]])
            sessions[speaker] = session
        self.conversations.append(Conversation(legs, sessions))
        # Somewhere before the agent's turn, evenly: until an agent has spoken the server holds his frames back for a
        # beep, and that is to be over soon. Both halves of the script are alike, so the load is even all the same.
        place = int(len(self.conversations) * _GOLDEN % 1 * sound.TURN_AT["agent"])
        for leg in legs.values():
            leg.begin(place)

    async def hang_up(self) -> None:
        """End all calls."""
        self.hanging_up = True
        for each in self.conversations:
            for leg in each.legs.values():
                self.ticker.remove(leg.beat)
                leg.stop()
            for session in each.sessions.values():
                self.ticker.remove(session.beat)
            await asyncio.sleep(0.002)  # not all at once: it is no part of what is measured
        self.conversations.clear()

    # -- Twilio -------------------------------------------------------------------------------------------------

    async def _post(self, http: aiohttp.ClientSession, server: int, path: str, form: dict[str, str]) -> str:
        headers = self._signer.form_headers(f"https://{HOST}{path}", form)
        async with http.post(f"http://127.0.0.1:{server}{path}", data=form, headers=headers) as response:
            text = await response.text()
            if response.status >= HTTPStatus.BAD_REQUEST:
                raise CallFailed(f"{path}: {response.status} {text[:200]}")
            return text

    async def _stream(self, server: int, role: str, call_sid: str, twiml: str) -> Leg:
        parameters = {name: unescape(value) for name, value in _PARAMETER.findall(twiml)}
        if not parameters and "<Say" in twiml:
            raise CallFailed(f"the {role} is told that all are busy: the server is, or does something else run here?")
        if not parameters:
            raise CallFailed(f"the {role}'s TwiML has no stream: {twiml[:200]}")
        return await self._leg(server, role, call_sid, "/intercept", parameters)

    async def _leg(self, server: int, role: str, call_sid: str, path: str, parameters: dict[str, str]) -> Leg:
        headers = {"Host": HOST} | self._signer.socket_headers(f"wss://{HOST}{path}")
        socket = await dial(server, path, headers)
        leg = Leg(role, call_sid, _sid("MZ"), socket, self.notes.played)
        socket.hear = lambda message: leg.hear(message, perf_counter())
        socket.gone = partial(self._gone, f"the stream of the {role}")
        leg.start(parameters, ACCOUNT)
        self.ticker.add(leg.beat)
        return leg

    def _placed(self, form: dict[str, str]) -> str:
        call_sid = _sid("CA")
        self._callbacks[call_sid] = form.get("StatusCallback", "").removeprefix(f"https://{HOST}")
        self._ordered.put_nowait((call_sid, form))
        return call_sid

    def _completed(self, call_sid: str) -> None:
        """A call is over by the server's own will, which Twilio tells."""
        telling = asyncio.create_task(self._tell_completed(call_sid))
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)

    async def _tell_completed(self, call_sid: str) -> None:
        path = self._callbacks.pop(call_sid, None) or "/call-status"
        form = {"CallSid": call_sid, "AccountSid": ACCOUNT, "CallStatus": "completed"}
        if self._server:
            with contextlib.suppress(aiohttp.ClientError, CallFailed):
                await self._post(*self._server, path, form)

    def _gone(self, what: str) -> None:
        if not self.hanging_up:
            self.lost.append(what)

    # -- OpenAI -------------------------------------------------------------------------------------------------

    def _opened(self, path: str, socket: Socket) -> None:
        session: Session
        if "/translations" in path:
            session = Continuous(socket, self.notes.uplink, pace=2 if self.kind == "24k-2x" else 1)
        else:
            session = TurnBased(socket, self.notes.uplink)
        session.configured = self._sessions.put_nowait
        self.ticker.add(session.beat)
        socket.gone = partial(self._session_gone, session)
        if not self._setting_up:
            self.lost.append("a session that was opened anew")

    def _session_gone(self, session: Session) -> None:
        self.ticker.remove(session.beat)
        self._gone("a session")


@asynccontextmanager
async def world(kind: Kind) -> AsyncIterator[World]:
    """A world that lives while inside."""
    loop = asyncio.get_running_loop()
    made = World(kind, 0)
    server = await loop.create_server(lambda: Door(made.office), "127.0.0.1", 0)
    made.port = int(server.sockets[0].getsockname()[1])
    ticking = asyncio.create_task(made.ticker.run())
    try:
        yield made
    finally:
        ticking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ticking
        server.close()


def _sid(kind: str) -> str:
    return kind + secrets.token_hex(16)


def _number() -> str:
    return f"+3491{secrets.randbelow(10**7):07d}"


def _task_event(attributes: str) -> dict[str, str]:
    return {
        "AccountSid": ACCOUNT,
        "WorkspaceSid": WORKSPACE,
        "WorkflowSid": WORKFLOW,
        "TaskSid": _sid("WT"),
        "TaskAttributes": attributes,
        "ReservationSid": _sid("WR"),
        "WorkerSid": _sid("WK"),
        "WorkerAttributes": json.dumps({"full_name": "Alex", "languages": ["en"]}),
    }
