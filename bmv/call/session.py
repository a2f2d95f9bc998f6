"""One call from the first ring to the last: two legs, two interpreters, and the ways it may go and end."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import secrets
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import structlog

from bmv.call import report, view
from bmv.call.agentside import AgentSide
from bmv.call.carrier import CarrierError, NewCall
from bmv.call.interpreter import Interpreter
from bmv.call.ledger import Fate
from bmv.call.leg import Leg, Role
from bmv.call.party import Party
from bmv.call.playout import ROUNDING
from bmv.call.services import Caller, CallServices
from bmv.call.sides import Sides
from bmv.call.state import AGENT_IS_THERE, WHO_HUNG_UP, CallEvent, CallState, EndReason, farewell, follow
from bmv.call.tokens import Tokens
from bmv.call.totals import Moment, Totals
from bmv.call.transcript import Transcript
from bmv.call.view import CallView
from bmv.languages import PHRASES, Language, Sentence
from bmv.waiting import Event

log = structlog.get_logger()
SELDOM = 0.06  # seconds from one look at a call to the next while nothing is due before: what is played is refilled so
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
        self._caller_here = Event()
        self._agent_here = Event()
        self._bridged = Event()
        self._over = Event()
        self._all_said = Event()
        self._left = self.state  # the last state before the end
        self._due = float("-inf")  # when a beat has something to do next
        self._last_words: Interpreter | None = None  # the one that finishes while the call parts
        self._began = self._now()
        self._sides = Sides(caller, services, self.agents, call_id=self.id)
        self._parties, self._interpreters = self._sides.parties, self._sides.interpreters
        self._parties[Role.CALLER].call_sid = caller.call_sid

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
        self._sides.prepare()

    def agent_accepted(self, agent: str = "", speaks: Sequence[Language] = (), *, worker: str = "") -> None:
        """An agent accepted; may come before or after the agent's stream, and again after a transfer.

        `agent` is the carrier's name of the reservation, `speaks` what the agent speaks, the best first, `worker` the
        carrier's name of the person.
        """
        follow(self.state, CallEvent.AGENT_ACCEPTED)  # raises before anything is changed
        if self.agents.accepted(agent, speaks, self._now(), worker=worker):
            self._sides.agent_joins()
        self._sides.prepare()
        self._follow(CallEvent.AGENT_ACCEPTED)

    def agent_left(self, agent: str) -> None:
        """An agent's part in the call is over, and the call goes on: a transfer."""
        if self.agents.left(agent, self._now()):
            self._sides.agent_is_back()
        self._sides.retarget()

    def hear(self, role: Role, sound: bytes) -> bool:
        """What a party says next, in frames of 20 ms (160 bytes mu-law); missed while nobody is there to hear it.

        Returns whether the next ones may come up to 100 ms late, several at once: only a translator waits for them.
        """
        if self.state is CallState.ENDED:
            return False
        return self._sides.hear(role, sound, listened_to=self.state is CallState.BRIDGED)

    def press(self, role: Role, key: str) -> None:
        """A party pressed a key: the other one hears its tones. Nothing else is done with it, nor is it remembered."""
        self._sides.press(role, key, listened_to=self.state is CallState.BRIDGED)

    def mark_reached(self, role: Role, leg: Leg, mark: str) -> None:
        """A party has heard what was sent up to this mark."""
        if self._parties[role].leg is leg:
            self._parties[role].playout.buffer.reached(mark, self._now())

    def end(self, reason: EndReason) -> None:
        """End the call; the first reason wins and every further one is ignored."""
        if self.reason is None:
            if reason is EndReason.AGENT_HUNG_UP and self.state not in AGENT_IS_THERE:
                reason = EndReason.AGENT_UNAVAILABLE
            self.reason = reason
            self._follow(CallEvent.FINISHED)

    # -- what people who look on see, and want ------------------------------------------------------------------

    @property
    def transcript(self) -> Transcript:
        """What was said, as captions. It can be read on when the call is over."""
        return self._sides.transcript

    def view(self) -> CallView:
        """How the call is now."""
        now = self._now()
        return CallView(
            id=self.id,
            state=self.state,
            caller_language=self.caller.language.tag if self.caller.language else None,
            agent_language=self.agents.language.tag,
            seconds=now - self._began,
            directions=view.directions(self._interpreters, self._parties, now),
            secured=self._sides.secured and self.reason is None,
            cost=view.cost(self._interpreters),
            reason=self.reason,
            agent=next(reversed(self.agents.workers), None),
        )

    def secure(self, on: bool) -> None:
        """Begin or end the secure pause, in which both hear each other's own voice and nobody else hears anything.

        Nothing is sent to a translator, so nothing is translated or transcribed, and no caption is shown. Both are
        told. It lasts across hold and transfers, until it is ended or the call is over. A call on hold stays on hold,
        and both are told when they can hear each other again. The same again changes nothing.
        """
        if self.state is not CallState.ENDED and on is not self._sides.secured:
            log.info("secure_pause", call_id=self.id, on=on)
            self._sides.secure(on, listened_to=self.state is CallState.BRIDGED)

    def say_phrase(self, sentence: Sentence) -> bool:
        """Say one of the `PHRASES` to the caller, in the caller's language, after all that waits to be heard.

        In the transcript it is a line of the agent's. Returns False, and does nothing, where there is no conversation
        to say it in, or no sound of it.
        """
        if sentence not in PHRASES:
            raise ValueError(f"{sentence.name} is not for agents to say")
        said = self.state in (CallState.BRIDGED, CallState.HELD) and self._sides.say_phrase(sentence)
        log.info("phrase_said" if said else "phrase_not_said", call_id=self.id, phrase=sentence.name.lower())
        return said

    def measure(self, totals: Totals, moment: Moment | None = None) -> None:
        """Add what it took so far, and how it is at this moment; without one it is over."""
        totals.add(self._interpreters, self._parties)
        if moment:
            moment.add(self.state, self._interpreters, self._parties)
        else:
            totals.end(self._why, self._interpreters)

    # -- the life -----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Live the call to its end. Returns when both telephone calls, both sessions and both streams are over."""
        structlog.contextvars.bind_contextvars(call_id=self.id)
        log.info(f"call_{self.state.value}", language=self.caller.language and self.caller.language.tag)
        try:
            context = contextvars.copy_context()  # a beat is of no call, and what is logged at one is
            with self._services.metronome.attached(lambda now: context.run(self._tick, now)):
                await self._live()
        finally:
            self.end(EndReason.INTERNAL_ERROR)
            for role, interpreter in self._interpreters.items():
                nobody_listens = WHO_HUNG_UP.get(self._why) is role.other
                fate = Fate.NOT_TRANSLATABLE if nobody_listens else Fate.LOST
                interpreter.settle(fate, f"the call ended: {self._why.value}")
            self._services.transcripts.close(self.id)
            figures = report.figures(self._interpreters, self._parties)
            log.info("call_ended", reason=self._why.value, seconds=round(self._now() - self._began, 1), **figures)

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

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
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

    async def _within(self, seconds: float, event: Event, reason: EndReason) -> None:
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
                self._sides.entertain()
                self._caller_here.set()
            case CallState.CALLING:
                self._sides.ring()
                self._agent_here.set()
            case CallState.HELD:
                self._sides.put_on_hold()
            case CallState.BRIDGED:
                self._sides.begin(agent_since=self._agent_heard_since(before))
                self._bridged.set()
            case CallState.ENDED:
                self._left = before
                self.tokens.revoke()
                self._over.set()
        if self.state is not CallState.ENDED:  # which is said once, with the figures, when all is over
            log.info(f"call_{self.state.value}", after=event.value)

    def _agent_heard_since(self, before: CallState) -> float:
        """From when on an agent's words are words to the caller, by what the call was `before`; a loop time.

        In the queue the agent's line carried the agent, faster than the news; on hold music; else talk to nobody.
        """
        return {CallState.HELD: self.agents.listened_since, CallState.CALLING: self._now()}.get(before, float("-inf"))

    def _tick(self, now: float) -> None:
        try:
            self._tick_hold(now)
            if now < self._due - ROUNDING:
                return
            self._due = min(now + SELDOM, self._sides.tick(now))
            if self._policy.untranslated_limit:
                longest = max(interpreter.untranslated_for(now) for interpreter in self._interpreters.values())
                if longest > self._policy.untranslated_limit:
                    self.end(EndReason.TRANSLATION_LOST)
            if self._last_words:
                self._due = now
                if not self._last_words.pending(now):
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
            self._sides.tell_newcomers(now)

    # -- the end ------------------------------------------------------------------------------------------------

    async def _drain(self) -> None:
        """Who is left may still hear what the other said last, for a moment."""
        leaving = WHO_HUNG_UP.get(self._why)
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
                tasks.create_task(self._guarded(partial(self._part_from, party)))

    async def _part_from(self, party: Party) -> None:
        if party.role is Role.CALLER and self._why is EndReason.CALLER_STREAM_LOST:
            await party.hear_out(self._policy.farewell)  # the verbs after the stream are speaking
        told = farewell(self._why, party.role, called=self.placed)
        await party.let_go(self._services.carrier, farewell=told, patience=self._policy.farewell)

    @property
    def _why(self) -> EndReason:
        return self.reason or EndReason.INTERNAL_ERROR
