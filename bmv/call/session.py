"""One call from the first ring to the last: two legs, two interpreters, and the ways it may go and end."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVarTuple

import structlog

from bmv.audio.mulaw import FRAME_SECONDS
from bmv.audio.tones import ringback
from bmv.call.beep import BeepGate
from bmv.call.captions import CaptionFeed, CaptionLines
from bmv.call.carrier import AgentCall, Carrier, CarrierError
from bmv.call.interpreter import Interpreter
from bmv.call.ladder import Ladder
from bmv.call.ledger import Fate
from bmv.call.leg import Leg, Role
from bmv.call.metronome import Metronome
from bmv.call.party import Party
from bmv.call.playout import Playout
from bmv.call.speaker import Speaker
from bmv.call.state import FAREWELLS, CallEvent, CallState, EndReason, follow
from bmv.call.translator import LanguagePair, TranslatorFactory
from bmv.languages import Language

log = structlog.get_logger()

Arguments = TypeVarTuple("Arguments")

_WHO_HUNG_UP = {EndReason.CALLER_HUNG_UP: Role.CALLER, EndReason.AGENT_HUNG_UP: Role.AGENT}
DRAIN_SECONDS = 1.0  # how long a listener may still hear what was said last; both are told or ended within two seconds


@dataclass(frozen=True)
class CallPolicy:
    """What holds for every call of this process; seconds unless said otherwise."""

    agent_language: Language
    forward_original: bool = False
    original_level_db: float = -18.0
    stream_timeout: float = 30.0
    """From the answered webhook to the caller's stream; Twilio speaks the greeting in between."""
    max_wait: float = 600.0
    max_call: float = 14_400.0
    replay: float = 5.0
    """How much of what a lost session had not dealt with is translated again."""
    untranslated_limit: float = 0.0
    """How long the original may stand in for a lost translation until the call is ended; 0 for ever."""
    farewell: float = 12.0
    """How long a spoken farewell may take before the call is completed all the same."""


@dataclass(frozen=True)
class CallServices:
    """What every call of this process shares."""

    carrier: Carrier
    translators: Sequence[TranslatorFactory]
    """The first choice, then what takes its place when it fails."""
    speaker: Speaker
    metronome: Metronome
    captions: CaptionFeed
    policy: CallPolicy


@dataclass(frozen=True)
class Caller:
    """Who calls: the carrier's call sid, the number as given (maybe anonymous), and the language if it is known."""

    call_sid: str
    number: str
    language: Language | None


class CallSession:
    """One call.

    Webhooks and streams tell it what happened (`leg_connected`, `hear`, `agent_accepted`, `end` …); `run` lives the
    call and returns when it is over and everything that costs money has ended.
    """

    def __init__(self, caller: Caller, services: CallServices) -> None:
        self.id = secrets.token_hex(12)
        self.caller = caller
        self.state = CallState.ANSWERED
        self.reason: EndReason | None = None
        self.task_sid: str | None = None  # the carrier's name of the task that an agent was rung for
        self._services = services
        self._policy = services.policy
        self._now = services.metronome.now
        self._tokens: dict[str, Role] = {}
        self._beep = BeepGate()
        self._caller_here = asyncio.Event()
        self._bridged = asyncio.Event()
        self._over = asyncio.Event()
        self._all_said = asyncio.Event()
        self._last_words: Interpreter | None = None  # the one that finishes while the call parts
        self._parties = {role: self._party(role) for role in Role}
        self._parties[Role.CALLER].call_sid = caller.call_sid
        self._interpreters = {role: self._interpreter(role) for role in Role}

    def language(self, role: Role) -> Language:
        """What a party is addressed in; for a caller of unknown language that is the agents'."""
        return self._parties[role].language

    # -- what webhooks and streams tell -------------------------------------------------------------------------

    def issue_token(self, role: Role) -> str:
        """A new secret with which one media stream may join as `role`, once."""
        token = secrets.token_urlsafe(24)
        self._tokens[token] = role
        return token

    def redeem_token(self, token: str) -> Role | None:
        """The role a stream with this token has, or None: unknown, used, or the call is over."""
        for known in self._tokens:
            if secrets.compare_digest(known.encode(), token.encode()):
                return self._tokens.pop(known) if self.state is not CallState.ENDED else None
        return None

    def leg_connected(self, role: Role, leg: Leg) -> Leg | None:
        """A party's media stream started. Returns the older leg it replaces, which is to be closed."""
        party = self._parties[role]
        replaced = party.leg
        if replaced is None:
            self._follow(CallEvent.CALLER_CONNECTED if role is Role.CALLER else CallEvent.AGENT_CONNECTED)
        party.connect(leg)
        return replaced

    def leg_closed(self, role: Role, leg: Leg, *, hung_up: bool) -> None:
        """A media stream is over: because its party hung up, or it broke. That of a replaced leg does not matter."""
        if self._parties[role].leg is not leg:
            return
        self._parties[role].leg = None
        if hung_up:
            self.end(EndReason.CALLER_HUNG_UP if role is Role.CALLER else EndReason.AGENT_HUNG_UP)
        else:
            self.end(EndReason.CALLER_STREAM_LOST if role is Role.CALLER else EndReason.AGENT_STREAM_LOST)

    def call_completed(self, role: Role, reason: EndReason) -> None:
        """The carrier says that a party's telephone call is over."""
        self._parties[role].gone.set()
        self.end(reason)

    def agent_reserved(self) -> None:
        """An agent's telephone rings: have the sessions ready when it is picked up."""
        for interpreter in self._interpreters.values():
            interpreter.prepare()

    def agent_accepted(self) -> None:
        """An agent accepted; may come before or after the agent's stream, and again after a transfer."""
        self._follow(CallEvent.AGENT_ACCEPTED)
        self._beep.watch(self._now())
        self.agent_reserved()

    def hear(self, role: Role, frame: bytes) -> None:
        """20 ms (160 bytes mu-law) of what a party says; before the call is bridged nobody is there to hear it."""
        if self.state is CallState.ENDED:
            return
        now = self._now()
        interpreter = self._interpreters[role]
        if interpreter.pair:  # where nothing is translated there is nothing to be translated twice
            frame = self._parties[role].echo.filter(frame, now)
        for clean in (frame,) if role is Role.CALLER else self._beep.filter(frame, now):
            interpreter.hear(clean, now)

    def mark_reached(self, role: Role, leg: Leg, mark: str) -> None:
        """A party has heard what was sent up to this mark."""
        party = self._parties[role]
        if party.leg is leg:
            party.playout.buffer.reached(mark, self._now())

    def end(self, reason: EndReason) -> None:
        """End the call; the first reason wins and every further one is ignored."""
        if self.reason is None:
            if reason is EndReason.AGENT_HUNG_UP and not self._bridged.is_set():
                reason = EndReason.AGENT_UNAVAILABLE
            self.reason = reason
            self._follow(CallEvent.FINISHED)

    # -- the life -----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Live the call to its end. Returns when both telephone calls, both sessions and both streams are over."""
        structlog.contextvars.bind_contextvars(call_id=self.id)
        started = self._now()
        log.info("call_answered", language=self.caller.language and self.caller.language.tag)
        try:
            with self._services.metronome.attached(self._tick):
                await self._live()
        finally:
            self.end(EndReason.INTERNAL_ERROR)
            for role, interpreter in self._interpreters.items():
                nobody_listens = _WHO_HUNG_UP.get(self._why) is role.other
                fate = Fate.NOT_TRANSLATABLE if nobody_listens else Fate.LOST
                interpreter.settle(fate, f"the call ended: {self._why.value}")
            self._log_end(self._now() - started)

    async def _live(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            work = [self._progress, self._dial, *(interpreter.run for interpreter in self._interpreters.values())]
            running = [tasks.create_task(self._guarded(each)) for each in work]
            await self._over.wait()
            await self._guarded(self._drain)
            for task in running:
                task.cancel()
            await self._part_from_all()  # while the sessions are being closed

    async def _guarded(self, work: Callable[[*Arguments], Awaitable[None]], *arguments: *Arguments) -> None:
        try:
            await work(*arguments)
        except Exception:
            log.exception("internal_error")
            self.end(EndReason.INTERNAL_ERROR)

    async def _progress(self) -> None:
        """Every stage of a call has its time."""
        await self._within(self._policy.stream_timeout, self._caller_here, EndReason.NO_STREAM)
        await self._within(self._policy.max_wait, self._bridged, EndReason.AGENT_UNAVAILABLE)
        await self._within(self._policy.max_call, self._over, EndReason.TOO_LONG)

    async def _within(self, seconds: float, event: asyncio.Event, reason: EndReason) -> None:
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            self.end(reason)

    async def _dial(self) -> None:
        await self._caller_here.wait()
        agent_call = AgentCall(call_id=self.id, token=self.issue_token(Role.AGENT))
        try:
            call_sid = await self._services.carrier.dial_agent(agent_call)
        except CarrierError as error:
            log.warning("agent_call_refused", error=str(error))
            if self._parties[Role.AGENT].leg is None:  # else only the answer was lost, and the agent's stream is here
                self.end(EndReason.AGENT_UNAVAILABLE)
        else:
            agent = self._parties[Role.AGENT]
            agent.call_sid = agent.call_sid or call_sid
            log.info("agent_dialled", agent_call_sid=call_sid)

    def _follow(self, event: CallEvent) -> None:
        before, self.state = self.state, follow(self.state, event)
        if self.state is before:
            return
        match self.state:
            case CallState.DIALLING:
                self._parties[Role.CALLER].playout.hold(ringback())
                self._caller_here.set()
            case CallState.BRIDGED:
                self._bridge()
            case CallState.ENDED:
                self._over.set()
        if self.state is not CallState.ENDED:  # which is said once, with the figures, when all is over
            log.info(f"call_{self.state.value}", after=event.value)

    def _bridge(self) -> None:
        self._parties[Role.CALLER].playout.hold(b"")
        for interpreter in self._interpreters.values():
            interpreter.begin()
        self._bridged.set()

    def _tick(self, now: float) -> None:
        try:
            for interpreter in self._interpreters.values():
                interpreter.tick(now)
                if 0 < self._policy.untranslated_limit < interpreter.untranslated_for(now):
                    self.end(EndReason.TRANSLATION_LOST)
            for party in self._parties.values():
                party.take(now)
            if self._last_words and not self._last_words.pending(now):
                self._all_said.set()
        except Exception:
            if self.reason is None:
                log.exception("internal_error")
            self.end(EndReason.INTERNAL_ERROR)

    # -- the end ------------------------------------------------------------------------------------------------

    async def _drain(self) -> None:
        """Who is left may still hear what the other said last, for a moment."""
        leaving = _WHO_HUNG_UP.get(self._why)
        if leaving is None or not self._bridged.is_set() or self._parties[leaving.other].leg is None:
            return
        self._last_words = self._interpreters[leaving]
        self._last_words.finish()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._all_said.wait()

    async def _part_from_all(self) -> None:
        """Tell or end both parties at once, never in turn."""
        async with asyncio.TaskGroup() as tasks:
            for party in self._parties.values():
                tasks.create_task(self._guarded(self._part_from, party))

    async def _part_from(self, party: Party) -> None:
        if party.role is Role.CALLER and self._why is EndReason.CALLER_STREAM_LOST:
            await party.hear_out(self._policy.farewell)  # the verbs after the stream are speaking
        farewell = FAREWELLS[self._why].get(party.role)
        await party.let_go(self._services.carrier, farewell=farewell, patience=self._policy.farewell)

    @property
    def _why(self) -> EndReason:
        return self.reason or EndReason.INTERNAL_ERROR

    def _log_end(self, seconds: float) -> None:
        report: dict[str, Any] = {}
        for role, interpreter in self._interpreters.items():
            stats, playout = interpreter.stats, self._parties[role.other].playout
            report[role.value] = {
                "speech_seconds": stats.speech.summary(),
                "average_time_to_first_translated_audio_ms": _milliseconds(stats.first_audio.mean),
                "lag": stats.first_audio.summary(),
                "uplink": stats.uplink.summary(),
                "downlink": stats.downlink.summary(),
                "worst_backlog_ms": _milliseconds(stats.worst_backlog),
                "pauses_shortened_ms": _milliseconds(playout.shed),
                "unplayed_ms": _milliseconds(playout.backlog),
                "playback_corrected_ms": _milliseconds(playout.buffer.corrected),
                "underneath_dropped_ms": _milliseconds(playout.dropped),
                "echo_suppressed_ms": _milliseconds(self._parties[role].echo.suppressed * FRAME_SECONDS),
                "sessions": stats.sessions,
                "used": stats.usage.summary(),
            }
        log.info("call_ended", reason=self._why.value, seconds=round(seconds, 1), **report)

    def _party(self, role: Role) -> Party:
        language = self._spoken(role) or self._policy.agent_language
        playout = Playout(original_level_db=self._policy.original_level_db)
        return Party(role, language, playout=playout, speaker=self._services.speaker)

    def _interpreter(self, role: Role) -> Interpreter:
        source, target = self._spoken(role), self._spoken(role.other)
        pair = LanguagePair(source, target) if source and target and source != target else None
        interpreter = Interpreter(
            pair,
            ladder=Ladder(pair, self._services.translators),
            listener=self._parties[role.other],
            captions=CaptionLines(self._services.captions, self.id, role),
            clock=self._now,
            replay_seconds=self._policy.replay,
        )
        interpreter.forward_original = self._policy.forward_original
        return interpreter

    def _spoken(self, role: Role) -> Language | None:
        return self.caller.language if role is Role.CALLER else self._policy.agent_language


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)
