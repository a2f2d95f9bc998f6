"""One call from the first ring to the last: two legs, two interpreters, and the ways it may go and end."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Sequence
from itertools import cycle
from typing import TypeVarTuple

import structlog

from bmv.audio import mulaw
from bmv.audio.tones import KEYS, dtmf, ringback
from bmv.call import report
from bmv.call.agentside import AgentSide
from bmv.call.captions import CaptionLines
from bmv.call.carrier import CarrierError, NewCall
from bmv.call.hold import hold_audio
from bmv.call.interpreter import Interpreter
from bmv.call.ladder import Ladder
from bmv.call.ledger import Fate
from bmv.call.leg import Leg, Role
from bmv.call.party import Party
from bmv.call.playout import Playout
from bmv.call.services import Caller, CallServices
from bmv.call.state import CallEvent, CallState, EndReason, farewell, follow
from bmv.call.tokens import Tokens
from bmv.call.translator import LanguagePair
from bmv.languages import Language, Sentence

log = structlog.get_logger()

Arguments = TypeVarTuple("Arguments")

_WHO_HUNG_UP = {EndReason.CALLER_HUNG_UP: Role.CALLER, EndReason.AGENT_HUNG_UP: Role.AGENT}
_AGENT_IS_THERE = {CallState.CALLING, CallState.BRIDGED, CallState.HELD}
HOLD_EXPLAINED = 3.0  # seconds of music or quiet after what an agent said last, until we say what is going on
KEYS_WAIT = 10.0  # seconds that may wait to be heard, and a key is put behind them: not one that nobody lets go
DRAIN_SECONDS = 1.0  # how long a listener may still hear what was said last; both are told or ended within two seconds


class CallSession:
    """One call.

    Webhooks and streams tell it what happened (`leg_connected`, `hear`, `agent_accepted`, `end` …); `run` lives the
    call and returns when it is over and everything that costs money has ended.
    """

    def __init__(self, caller: Caller, services: CallServices, *, destination: str | None = None) -> None:
        """`destination` is where the agent is reached: see `NewCall.to`."""
        self.id = secrets.token_hex(12)
        self.caller = caller
        self.placed = caller.call_sid is None
        """Whether it is we who call, and the agent is there first."""
        self.state = CallState.ORDERED if self.placed else CallState.ANSWERED
        self.reason: EndReason | None = None
        self.tokens = Tokens()
        self._destination = destination
        self._services = services
        self._policy = services.policy
        self._now = services.metronome.now
        self.agents = AgentSide(
            caller=caller.language, otherwise=self._policy.agent_language, queued=destination is None
        )
        self._not_told = {role for role in Role if self._policy.interpreter_notice.includes(role)}
        self._caller_here = asyncio.Event()
        self._agent_here = asyncio.Event()
        self._bridged = asyncio.Event()
        self._over = asyncio.Event()
        self._all_said = asyncio.Event()
        self._left = self.state  # the last state before the end
        self._last_words: Interpreter | None = None  # the one that finishes while the call parts
        self._parties = {role: self._party(role) for role in Role}
        self._parties[Role.CALLER].call_sid = caller.call_sid
        self._interpreters = {role: self._interpreter(role) for role in Role}

    def language(self, role: Role) -> Language:
        """What a party is addressed in; for a caller of unknown language that is the agents'."""
        return self._parties[role].language

    # -- what webhooks and streams tell -------------------------------------------------------------------------

    def leg_connected(self, role: Role, leg: Leg) -> Leg | None:
        """A party's media stream started. Returns the older leg it replaces, which is to be closed."""
        party = self._parties[role]
        replaced = party.leg
        if replaced is None:
            self._follow(CallEvent.CALLER_CONNECTED if role is Role.CALLER else CallEvent.AGENT_CONNECTED)
        party.connect(leg)
        if replaced is None and role is Role.AGENT:
            self.agents.joining()
            if self._destination:  # who picks up a telephone has accepted the call
                self.agent_accepted()
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

    def is_call_of(self, role: Role, call_sid: str) -> bool:
        """Whether this is a party's telephone call; see `Party.is_on`."""
        return self._parties[role].is_on(call_sid)

    def call_completed(self, role: Role, reason: EndReason) -> None:
        """The carrier says that a party's telephone call is over."""
        self._parties[role].gone.set()
        self.end(reason)

    def agent_reserved(self, speaks: Sequence[Language] = ()) -> None:
        """An agent's telephone rings: have the sessions ready when it is picked up."""
        self.agents.rung(speaks, self._now())
        self._prepare()

    def agent_accepted(self, agent: str = "", speaks: Sequence[Language] = ()) -> None:
        """An agent accepted; may come before or after the agent's stream, and again after a transfer.

        `agent` is the carrier's name of the reservation, `speaks` what the agent speaks, the best first.
        """
        follow(self.state, CallEvent.AGENT_ACCEPTED)  # raises before anything is changed
        news = self.agents.accepted(agent, speaks, self._now())
        if news and self._policy.interpreter_notice.includes(Role.AGENT):
            self._not_told.add(Role.AGENT)  # the next agent of a transfer does not know it yet
        self._prepare()
        self._follow(CallEvent.AGENT_ACCEPTED)

    def agent_left(self, agent: str) -> None:
        """An agent's part in the call is over, and the call goes on: a transfer."""
        if self.agents.left(agent, self._now()):
            self._not_told.discard(Role.AGENT)  # who was told before
        self._retarget()

    def hear(self, role: Role, frame: bytes) -> None:
        """20 ms (160 bytes mu-law) of what a party says; it is missed while nobody is there to hear it."""
        if self.state is CallState.ENDED:
            return
        now = self._now()
        interpreter = self._interpreters[role]
        if interpreter.pair:  # where nothing is translated there is nothing to be translated twice
            frame = self._parties[role].echo.filter(frame, now)
        frames: Sequence[bytes] = (frame,)
        if role is Role.AGENT:
            frames = self.agents.hear(frame, now)
        take = interpreter.hear if self.state is CallState.BRIDGED else interpreter.miss
        for clean in frames:
            take(clean, now)

    def press(self, role: Role, key: str) -> None:
        """A party pressed a key: the other one hears its tones. Nothing else is done with it, nor is it remembered."""
        playout = self._parties[role.other].playout
        passed_on = key in KEYS and self.state is CallState.BRIDGED and playout.backlog < KEYS_WAIT
        log.info("key_pressed", role=role.value, passed_on=passed_on)
        if passed_on:
            playout.announce(dtmf(key), self._now())

    def mark_reached(self, role: Role, leg: Leg, mark: str) -> None:
        """A party has heard what was sent up to this mark."""
        if self._parties[role].leg is leg:
            self._parties[role].playout.buffer.reached(mark, self._now())

    def end(self, reason: EndReason) -> None:
        """End the call; the first reason wins and every further one is ignored."""
        if self.reason is None:
            if reason is EndReason.AGENT_HUNG_UP and self.state not in _AGENT_IS_THERE:
                reason = EndReason.AGENT_UNAVAILABLE
            self.reason = reason
            self._follow(CallEvent.FINISHED)

    # -- the life -----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Live the call to its end. Returns when both telephone calls, both sessions and both streams are over."""
        structlog.contextvars.bind_contextvars(call_id=self.id)
        started = self._now()
        log.info(f"call_{self.state.value}", language=self.caller.language and self.caller.language.tag)
        try:
            with self._services.metronome.attached(self._tick):
                await self._live()
        finally:
            self.end(EndReason.INTERNAL_ERROR)
            for role, interpreter in self._interpreters.items():
                nobody_listens = _WHO_HUNG_UP.get(self._why) is role.other
                fate = Fate.NOT_TRANSLATABLE if nobody_listens else Fate.LOST
                interpreter.settle(fate, f"the call ended: {self._why.value}")
            figures = report.figures(self._interpreters, self._parties)
            log.info("call_ended", reason=self._why.value, seconds=round(self._now() - started, 1), **figures)

    async def _live(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            work = [self._progress, self._dial, lambda: self.agents.run(self._services.carrier, self._now)]
            work += [interpreter.run for interpreter in self._interpreters.values()]
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
        if self.placed:
            await self._within(self._policy.max_wait, self._agent_here, EndReason.AGENT_UNAVAILABLE)
            await self._within(self._policy.ring_timeout, self._bridged, EndReason.NOT_REACHED)
        else:
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
        """Call whoever is not there yet: the agent for a caller; else the agent, and then whom we shall call."""
        if self.placed:
            await self._place(Role.AGENT, self._destination, EndReason.AGENT_UNAVAILABLE)
            await self._agent_here.wait()
            await self._place(Role.CALLER, self.caller.number, EndReason.NOT_REACHED)
        else:
            await self._caller_here.wait()
            await self._place(Role.AGENT, self._destination, EndReason.AGENT_UNAVAILABLE)

    async def _place(self, role: Role, to: str | None, otherwise: EndReason) -> None:
        party = self._parties[role]
        call = NewCall(self.id, role, self.tokens.issue(role), to, party.language)
        try:
            call_sid = await self._services.carrier.dial(call)
        except CarrierError as error:
            log.warning("dial_refused", role=role.value, error=str(error))
            if party.leg is None:  # else only the answer was lost, and the stream is here
                self.end(otherwise)
        else:
            party.call_sid = party.call_sid or call_sid
            log.info("dialled", role=role.value, call_sid=call_sid)

    def _follow(self, event: CallEvent) -> None:
        before, self.state = self.state, follow(self.state, event)
        if self.state is before:
            return
        match self.state:
            case CallState.DIALLING:
                self._entertain()
                self._caller_here.set()
            case CallState.CALLING:
                self._parties[Role.AGENT].playout.hold(cycle(mulaw.frames(ringback())))
                self._agent_here.set()
            case CallState.HELD:
                self._put_on_hold()
            case CallState.BRIDGED:
                self._bridge(before)
            case CallState.ENDED:
                self._left = before
                self.tokens.revoke()
                self._over.set()
        if self.state is not CallState.ENDED:  # which is said once, with the figures, when all is over
            log.info(f"call_{self.state.value}", after=event.value)

    # -- talking, and waiting -----------------------------------------------------------------------------------

    def _entertain(self, first: float | None = None) -> None:
        """The caller waits: music or quiet, and now and then a sentence, the `first` one after so many seconds."""
        caller, policy = self._parties[Role.CALLER], self._policy
        audio = hold_audio(policy.hold_audio, lambda: caller.voice(Sentence.HOLD), policy.hold_message, first)
        caller.playout.hold(audio)

    def _bridge(self, before: CallState) -> None:
        for party in self._parties.values():
            party.playout.hold(None)
        self._interpreters[Role.CALLER].begin()
        # In the queue the agent's line carried the agent, faster than the news; on hold music; else talk to nobody.
        since = {CallState.HELD: self.agents.listened_since, CallState.CALLING: self._now()}.get(before, float("-inf"))
        self._interpreters[Role.AGENT].begin(since=since)
        self._bridged.set()

    def _put_on_hold(self) -> None:
        self._interpreters[Role.CALLER].pause()
        self._interpreters[Role.AGENT].pause(music=True)
        self._entertain(first=HOLD_EXPLAINED)

    def _prepare(self) -> None:
        self._retarget()
        for interpreter in self._interpreters.values():
            interpreter.prepare()

    def _retarget(self) -> None:
        """Go on in the language that is spoken at the agent's side now."""
        agent = self._parties[Role.AGENT]
        if agent.language is not self.agents.language:
            agent.language = self.agents.language
            log.info("agent_language", language=agent.language.tag)
            for role, interpreter in self._interpreters.items():
                interpreter.retarget(self._pair(role))

    def _tell_of_interpreter(self, now: float) -> None:
        if self._interpreters[Role.CALLER].pair is None:
            return
        for role in tuple(self._not_told):
            if role is Role.CALLER or self.agents.present(now):
                self._parties[role].notify(Sentence.INTERPRETER, now)
                self._not_told.discard(role)

    def _tick(self, now: float) -> None:
        try:
            self._tick_hold(now)
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

    def _tick_hold(self, now: float) -> None:
        if self.state not in (CallState.BRIDGED, CallState.HELD):
            return
        held = self.agents.nobody_listens(now)
        if held is not (self.state is CallState.HELD):
            self._follow(CallEvent.PUT_ON_HOLD if held else CallEvent.TAKEN_OFF_HOLD)
        if self.agents.deserted_for(now) > self._policy.max_wait:
            self.end(EndReason.AGENT_UNAVAILABLE)
        elif self.state is CallState.BRIDGED:
            self._tell_of_interpreter(now)

    # -- the end ------------------------------------------------------------------------------------------------

    async def _drain(self) -> None:
        """Who is left may still hear what the other said last, for a moment."""
        leaving = _WHO_HUNG_UP.get(self._why)
        if leaving is None or self._left is not CallState.BRIDGED or self._parties[leaving.other].leg is None:
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
        told = farewell(self._why, party.role, called=self.placed)
        await party.let_go(self._services.carrier, farewell=told, patience=self._policy.farewell)

    @property
    def _why(self) -> EndReason:
        return self.reason or EndReason.INTERNAL_ERROR

    # -- the two sides ------------------------------------------------------------------------------------------

    def _party(self, role: Role) -> Party:
        playout = Playout(original_level_db=self._policy.original_level_db)
        spoken = self._spoken(role) or self._policy.agent_language
        return Party(role, spoken, playout=playout, speaker=self._services.speaker)

    def _interpreter(self, role: Role) -> Interpreter:
        interpreter = Interpreter(
            self._pair(role),
            ladder=lambda pair: Ladder(pair, self._services.translators),
            listener=self._parties[role.other],
            captions=CaptionLines(self._services.captions, self.id, role),
            clock=self._now,
            replay_seconds=self._policy.replay,
        )
        interpreter.forward_original = self._policy.forward_original
        return interpreter

    def _pair(self, role: Role) -> LanguagePair | None:
        """What is translated of what a party says; None where nothing is."""
        source, target = self._spoken(role), self._spoken(role.other)
        return LanguagePair(source, target) if source and target and source != target else None

    def _spoken(self, role: Role) -> Language | None:
        return self.caller.language if role is Role.CALLER else self.agents.language
