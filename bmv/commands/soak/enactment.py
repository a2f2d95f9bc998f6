"""One call of the plan, enacted: two people talk, and what is to go wrong goes wrong."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from random import Random
from typing import Any

from bmv.audio import mulaw
from bmv.commands.soak import disturbances
from bmv.commands.soak.environs import Line, World
from bmv.commands.soak.evidence import Outcome
from bmv.commands.soak.overheard import Ear
from bmv.commands.soak.plan import CallPlan, Promise
from bmv.simulator.openai.records import Record
from bmv.simulator.twilio import Agent, Call, HungUpError, Party, Reservation, RestRequest, Webhook

ANSWER_SECONDS = 10.0
RING_SECONDS = 20.0
HEAR_SECONDS = 25.0  # the watchdog takes 4 s, a session that never gets ready 10 s
QUIET_SECONDS = 1.3
QUIET_AFTER_FAULT = 5.5  # longer than the watchdog
ENDING_SECONDS = 25.0  # a request may take 8 s to fail, and then comes the farewell
SETTLED_SECONDS = 0.3  # from the acceptance on, before anybody speaks
LOOK_SECONDS = 0.1
CALL_ID = re.compile(r'name="bmv_call_id" value="([0-9a-f]+)"')


class Enactment:
    """A call while it is held. `talking` is set when both are on the line, or when it will not come to that."""

    def __init__(self, plan: CallPlan, line: Line, world: World) -> None:
        self.plan, self.line, self.world = plan, line, world
        self.chance = Random(plan.seed)  # noqa: S311 - repeatable on purpose
        self.caller, self.agent = Party("caller"), Party("agent")
        self.outcome = Outcome(plan, line.languages)
        self.talking = asyncio.Event()
        self.call: Call | None = None
        self.seat: Agent | None = None
        self._began = world.clock()
        self._marks: dict[str, int] = {}
        self._left: set[Call] = set()
        """Telephone calls that the people end themselves; to every other one the server owes a request for its end."""

    # -- what disturbances and others want to know ---------------------------------------------------------------------

    @property
    def call_id(self) -> str:
        """The server's own id."""
        return self.outcome.call_id

    @property
    def target(self) -> str:
        """The language of the direction that the fault is in."""
        return self.line.caller if self.plan.into_caller else self.line.agent

    @property
    def inbound(self) -> Call:
        """The caller's telephone call."""
        assert self.call is not None  # noqa: S101 for the type checker
        return self.call

    @property
    def ordered(self) -> Call | None:
        """The telephone call that the server has ordered for the agent."""
        return next((each for each in self._calls() if each.direction == "outbound-api"), None)

    def webhooks(self) -> list[Webhook]:
        """What was posted about this call so far."""
        about = {each.sid for each in self._calls()}
        if self.call_id:  # a call that was refused has none
            about.add(self.call_id)
        return [
            each for each in self.world.twilio.webhooks if any(name in f"{each.url} {each.fields}" for name in about)
        ]

    # -- the script ----------------------------------------------------------------------------------------------------

    async def run(self) -> Outcome:
        """Hold the call to its end, and listen to what came of it."""
        try:
            await self._hold()
        except (TimeoutError, HungUpError) as error:
            self.outcome.unreached = self._unreached
            if self.outcome.promise is not Promise.ENDS:
                self.outcome.stuck = f"{type(error).__name__}: {error or 'waited in vain'} {self._where}"
        finally:
            self.talking.set()
        self.outcome.seconds = round(self.world.clock() - self._began, 1)
        self.outcome.late = round(self.world.worst_since(self._began), 3)
        await self._end()
        await disturbances.afterwards(self)
        await self._listen()
        self.world.forget([each.sid for each in self._calls()])
        if self.world.subject:
            self.world.subject.calls.pop(self.call_id, None)
        self.world.reservations.pop(self.call_id, None)
        return self.outcome

    _where = ""

    async def _hold(self) -> None:
        plan, twilio = self.plan, self.world.twilio
        disturbances.before(self)
        self._where = "to be answered"
        number = f"+3491{1000000 + plan.number}"
        self.call = await twilio.dial(from_=number, to=self.line.number, party=self.caller)
        if plan.fault == "caller-leaves-at-once":
            await asyncio.sleep(plan.after / 100)
            await self._caller_leaves()
        await self.call.answered(ANSWER_SECONDS)
        self.outcome.call_id = self._id()
        self.outcome.refused = not self.call_id
        if self.outcome.refused:
            self._where = "for a refusal to end"
            await self.call.ended(ENDING_SECONDS)
            return
        disturbances.answered(self)
        self._where = "for the agent to be rung"
        if plan.fault == "caller-leaves-the-queue":
            await self.call.streaming(ANSWER_SECONDS)
            await asyncio.sleep(plan.after)
            await self._caller_leaves()
            return
        reservation = await self._rung()
        if plan.fault == "task-canceled":
            self._leaves(self.ordered)  # with the queue its TwiML is over
            reservation.task.cancel()
            await self.call.ended(ENDING_SECONDS)
            return
        if plan.fault == "agent-declines-first":
            reservation.reject()
            reservation = await self._rung()
        first = plan.fault == "voice-before-acceptance"
        self.seat = await reservation.accept(party=self.agent, beep=plan.beep, audio_first=first)
        self.talking.set()
        await asyncio.sleep(SETTLED_SECONDS)
        await disturbances.talking(self)
        await self._talk()
        self._where = "for the call to be hung up"
        await self._part()

    async def _rung(self) -> Reservation:
        """Wait until the agent is rung. `TimeoutError`, or `HungUpError` when the line is cut before."""
        ringing = asyncio.ensure_future(self.world.reservations[self.call_id].get())
        cut = asyncio.ensure_future(self.caller.hung_up.wait())
        try:
            await asyncio.wait([ringing, cut], timeout=RING_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if ringing.done():
                return ringing.result()
            raise HungUpError("the call is over") if cut.done() else TimeoutError
        finally:
            ringing.cancel()
            cut.cancel()

    async def _talk(self) -> None:
        first, second = self.plan.sentences
        said = {"agent": self._sentences("caller", first), "caller": self._sentences("agent", second)}  # for whom
        self._marks = {who: self._party(who).frames_heard for who in said}
        self._said = said
        if self.plan.together:
            await asyncio.gather(*(self._say(who) for who in said))
        else:
            for who in said:
                await self._say(who)

    async def _say(self, listener: str) -> None:
        ear = self._party(listener)
        mouth = self.agent if listener == "caller" else self.caller
        self._where = f"for the {listener} to hear anything"
        mouth.say(self._said[listener])
        if self.plan.fault == "caller-cut-off" and mouth is self.caller:
            await asyncio.sleep(self.plan.after)
            await self._caller_leaves()
            return
        await ear.hears_speech(HEAR_SECONDS)
        await mouth.done_speaking(HEAR_SECONDS)
        self._where = f"for the {listener} to have heard everything"
        quiet = QUIET_AFTER_FAULT if self.plan.promise is Promise.SAID or self._outage else QUIET_SECONDS
        await ear.hears_quiet(quiet, HEAR_SECONDS)

    async def _part(self) -> None:
        if self.plan.fault in ("agent-hangs-up-first", "farewell-failed") and self.seat:
            self._leaves(self.ordered)
            await self.seat.hang_up()
            await self.inbound.ended(ENDING_SECONDS)  # the caller is told, and hung up
        else:
            await self._caller_leaves()

    async def _caller_leaves(self) -> None:
        self._leaves(self.call)
        await self.inbound.hang_up()

    def _leaves(self, call: Call | None) -> None:
        if call and not call.over:
            self._left.add(call)

    def _sentences(self, speaker: str, number: int) -> bytes:
        """One, or two where the translation fails, noticed by 1.5 s of voice, or where marks do, one a second."""
        every = self.world.sentences[speaker]
        chosen = every[number % len(every)]
        long = self.plan.promise is Promise.SAID or self.plan.fault == "marks-ignored"
        return chosen + every[(number + 1) % len(every)] if long else chosen

    def _party(self, who: str) -> Party:
        return self.caller if who == "caller" else self.agent

    def _id(self) -> str:
        """The server's id for the call, which stands in its answer."""
        for webhook in reversed(self.world.twilio.webhooks):
            answer = webhook.answer.body if webhook.answer else ""
            if webhook.fields.get("CallSid") == self.inbound.sid and (found := CALL_ID.search(answer)):
                return found[1]
        return ""

    @property
    def _events(self) -> Sequence[Mapping[str, Any]]:
        """What the log has of this call so far."""
        return self.world.subject.calls.get(self.call_id, ()) if self.world.subject else ()

    def _calls(self) -> Iterator[Call]:
        """All telephone calls of this call, as far as there are any."""
        for each in list(self.world.twilio.calls.values()):
            ours = self.call_id and self.call_id in f"{each.plan.status_callback}{each.plan.extra}{each.extra}"
            if each is self.call or ours:
                yield each

    @property
    def _outage(self) -> bool:
        return self._nameless or self._befell("translator-refuses") or self._befell("openai-name-unknown")

    @property
    def _nameless(self) -> bool:
        """Whether the server could not look up where to ask the telephone company."""
        return self._befell("twilio-name-unknown")

    @property
    def _unreached(self) -> bool:
        """Whether it could not order the agent's telephone call for that."""
        return self._nameless and not self.ordered and any(each["event"] == "dial_refused" for each in self._events)

    def _befell(self, kind: str) -> bool:
        return self.world.befell(kind, self._began)

    # -- the end -------------------------------------------------------------------------------------------------------

    async def _end(self) -> None:
        """Wait until everything that costs money is over, and note what is not."""
        if self.call and not self.call.over:
            if self.outcome.promise is not Promise.ENDS:  # there the server had to end it, and this does not excuse it
                self._leaves(self.call)
            await self.call.hang_up()
        with suppress(TimeoutError):
            async with asyncio.timeout(ENDING_SECONDS):
                while self._unfinished():  # noqa: ASYNC110 - three worlds
                    await asyncio.sleep(LOOK_SECONDS)
        self.outcome.open_calls = [f"{call!r} after {ENDING_SECONDS:.0f} s" for call in self._open_calls()]
        self.outcome.not_hung_up = [f"{call!r}" for call in self._not_hung_up()]
        self.outcome.open_sessions = [f"into {record.language!r}" for record in self._open_sessions()]
        self.outcome.outage = self._outage
        self.outcome.unlogged = self._befell("log-disk-full")
        events = self._events
        endings = [event for event in events if event["event"] == "call_ended"]
        self.outcome.ending = endings[0] if len(endings) == 1 else None
        self.outcome.warnings = [str(event["event"]) for event in events if event["level"] not in ("info", "debug")]
        self.outcome.hopeless = any(event.get("tries_again") is False for event in events)

    def _unfinished(self) -> bool:
        return bool(self._open_calls() or self._open_sessions() or not self._ended() or self._not_hung_up())

    def _ended(self) -> bool:
        return not self.call_id or any(event["event"] == "call_ended" for event in self._events)

    def _open_calls(self) -> list[Call]:
        return [each for each in self._calls() if not each.over or each.stream]

    def _not_hung_up(self) -> list[Call]:
        """Those that the server had to end, since nobody else had, and that it made no request to end."""
        if not self.call_id:
            return []
        owed = [each for each in self._calls() if each is self.call or each.direction == "outbound-api"]
        requests = self.world.twilio.requests
        return [
            each
            for each in owed
            if each not in self._left
            and not asked_to_end(requests, each.sid)
            and not (self._nameless and tried_in_vain(self._events, "caller" if each is self.call else "agent"))
        ]

    def _open_sessions(self) -> list[Record]:
        return [
            each for each in self.world.openai.open_sessions if each.language in (self.line.caller, self.line.agent)
        ]

    async def _listen(self) -> None:
        """Judge what was heard, in another process."""
        if self.outcome.promise is Promise.ENDS or not self._marks:
            return
        loop = asyncio.get_running_loop()
        for who, mark in self._marks.items():
            heard = self._party(who).heard[mark * mulaw.FRAME_BYTES :]
            ear = await loop.run_in_executor(self.world.judges, Ear.of, who, heard, self._said[who])
            self.outcome.ears.append(ear)


def tried_in_vain(events: Iterable[Mapping[str, Any]], role: str) -> bool:
    """Whether the log says that a request for the end of this party's telephone call has failed."""
    return any(each["event"] == "hang_up_failed" and each["role"] == role for each in events)


def asked_to_end(requests: Iterable[RestRequest], sid: str) -> bool:
    """Whether the server has asked the company to end this telephone call, and not only closed its stream.

    The answer does not matter, since what fails is planned. A farewell is no such request, though a hang-up stands
    behind its words: where Twilio never gets there, the call would be billed on.
    """
    return any(
        each.method == "POST" and each.path.endswith(f"/Calls/{sid}.json") and each.fields.get("Status") == "completed"
        for each in requests
    )
