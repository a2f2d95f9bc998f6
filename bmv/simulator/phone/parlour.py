"""The room with the two telephones: what goes on between them and the telephone company while somebody is there."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from bmv.languages import Language
from bmv.simulator.conversation import Role, Script
from bmv.simulator.phone import phone_wire
from bmv.simulator.phone.partner import converse
from bmv.simulator.phone.telephones import AgentPhone, CallerPhone, Refusal, Telephone
from bmv.simulator.phone.visitor import Visitor
from bmv.simulator.twilio import Call, FakeTwilio, HungUpError, Reservation, Worker
from bmv.simulator.twilio.watch import Watch

RINGS: Final = 2.5
"""Seconds that the scripted partner lets it ring."""
_PATIENCE: Final = 30.0
_FOR_EVER: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class House:
    """Whom the caller's phone calls, and what is spoken here: the menu's languages in its order, those of agents.

    `spoken` are the languages that an agent may choose, `agent_language` is what an agent speaks who chose none.
    """

    number: str
    worker: Worker
    menu: Sequence[Language]
    spoken: Sequence[Language]
    agent_language: str


class Parlour:
    """Holds the two phones. What happens on one of them is shown on both. Use `open`."""

    def __init__(self, twilio: FakeTwilio, house: House, script: Script, *, record: bool = False) -> None:
        self._twilio = twilio
        self._house = house
        self._watch = Watch()
        self.caller = CallerPhone(twilio, house.number, script, self._changed, record=record)
        self.agent = AgentPhone(script, self._changed, language=house.agent_language, record=record)
        self._group: asyncio.TaskGroup | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def phones(self) -> Mapping[str, Telephone]:
        """Both, by their sides."""
        return {"caller": self.caller, "agent": self.agent}

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Let the agent's phone ring while inside. On leaving, both phones hang up."""
        self._group = group = await asyncio.TaskGroup().__aenter__()
        self._spawn(self._bell())
        try:
            yield
        finally:
            self.caller.hang_up()
            self.agent.hang_up()
            for each in self._tasks:
                each.cancel()
            self._group = None
            await group.__aexit__(None, None, None)  # an error of the block stays as it is

    def caption(self, speaker: Role, text: str, *, translated: bool) -> None:
        """Show what somebody says at that phone, and its translation at the other."""
        for side, phone in self.phones.items():
            if (side == speaker) is not translated:
                phone.tell(phone_wire.caption(own=not translated, text=text))

    # --- what a browser asks ------------------------------------------------------------------------------------------

    def obey(self, phone: Telephone, visitor: Visitor, told: phone_wire.Told) -> None:
        """Do what somebody at a phone wants; say so where it cannot be done."""
        try:
            self._obey(phone, visitor, told)
        except Refusal as refusal:
            visitor.tell(phone_wire.refused(str(refusal)))

    def _obey(self, phone: Telephone, visitor: Visitor, told: phone_wire.Told) -> None:
        match told:
            case phone_wire.Start(start):
                phone.take(visitor, start.stream_sid)
            case phone_wire.Partner(on):
                self._let_partner(phone, on)
            case phone_wire.Connected():
                pass
            case _ if visitor is not phone.holder:
                raise Refusal("not yours")
            case phone_wire.Stop():
                phone.leave(visitor)
            case phone_wire.Media():
                phone.receive(visitor, told.ulaw())
            case phone_wire.Mark(mark):
                visitor.played(mark.name)
            case _:
                self._use(phone, visitor, told)

    def _use(self, phone: Telephone, visitor: Visitor, told: phone_wire.Told) -> None:
        """What the buttons of a phone do that somebody holds."""
        match told:
            case phone_wire.Key(dtmf):
                phone.press(dtmf.digit)
            case phone_wire.Words(text):
                phone.say_words(text)
            case phone_wire.Say(sentence):
                phone.say(sentence)
            case phone_wire.HangUp():
                phone.hang_up()
            case phone_wire.Dial() if phone is self.caller:
                self._spawn(self._dial(visitor))
            case phone_wire.Accept() if phone is self.agent:
                self._spawn(self._accept(visitor))
            case phone_wire.Speaks(language) if phone is self.agent:
                self._speaks(language)
            case _:
                raise Refusal("wrong phone")

    async def _dial(self, visitor: Visitor) -> None:
        try:
            call = await self.caller.dial()
        except Refusal as refusal:
            visitor.tell(phone_wire.refused(str(refusal)))
            return
        await self._follow(call)

    async def _accept(self, visitor: Visitor) -> None:
        try:
            await self.agent.accept()
        except Refusal as refusal:
            visitor.tell(phone_wire.refused(str(refusal)))

    def _speaks(self, tag: str) -> None:
        if tag not in {each.tag for each in self._house.spoken}:
            raise Refusal("no language")
        self.agent.speaks(tag)
        self._house.worker.attributes["languages"] = [tag]

    # --- the scripted partner -----------------------------------------------------------------------------------------

    def _let_partner(self, phone: Telephone, on: bool) -> None:
        if on is phone.scripted:
            return  # two pages asked for it, or one twice
        phone.let_partner(on)
        if on and phone is self.caller:
            self._spawn(self._call_by_script())

    async def _call_by_script(self) -> None:
        """Call, choose the language of the script by its key, talk, and hang up."""
        caller = self.caller
        try:
            call = await caller.dial()
            self._spawn(self._follow(call))
            keys = {each.tag: str(place) for place, each in enumerate(self._house.menu, start=1)}
            if len(keys) > 1 and (key := keys.get(caller.lines[0].language)):
                await call.gathering(timeout=_PATIENCE)
                call.press(key)
            await self._watch.until(lambda: caller.phase == "talking" or call.over, _FOR_EVER)
            if caller.handset is not None and not call.over:
                await converse(caller.handset, caller.lines, begins=True)
        finally:
            if caller.scripted:
                caller.let_partner(False)

    async def _answer_by_script(self, reservation: Reservation) -> None:
        """Wherever the partner is the agent: let it ring, take the call, and answer by the script."""
        agent = self.agent
        while agent.agent is None and reservation.status == "pending":
            await self._watch.until(lambda: agent.scripted or agent.agent is not None, _FOR_EVER)
            await asyncio.sleep(RINGS)
            if agent.scripted and agent.phase == "ringing":
                await converse((await agent.accept()).party, agent.lines, begins=False)

    # --- the course of a call -----------------------------------------------------------------------------------------

    async def _bell(self) -> None:
        while True:
            with suppress(TimeoutError):
                reservation = await self._twilio.next_reservation(timeout=_FOR_EVER)
                await self._attend(reservation)

    async def _attend(self, reservation: Reservation) -> None:
        """A call for the agent, from the first ring to the end."""
        task = reservation.task
        self.caller.answered_in = str(task.attributes.get("language", "")) or None
        self.agent.ring(reservation)
        watching = [self._spawn(self._answer_by_script(reservation)), self._spawn(self._tell_of_agent())]
        try:
            await task.call.ended(timeout=_FOR_EVER)
        finally:
            for each in watching:
                each.cancel()
            task.complete()
            self.caller.talks = False
            self.agent.ring(None)

    async def _tell_of_agent(self) -> None:
        """Let the caller's phone know when an agent is on the line."""
        await self._watch.until(lambda: self.agent.agent is not None, _FOR_EVER)
        self.caller.talks = True
        self._changed()

    async def _follow(self, call: Call) -> None:
        """Show how far a call is, whenever that changes."""
        while not call.over:
            await self._leaves(call, self.caller.phase)
            self._changed()

    async def _leaves(self, call: Call, phase: str) -> None:
        """Wait until the caller's phone is in another phase. Raises `HungUpError` when the call is over."""
        await call.watch.until(lambda: self.caller.phase != phase, _FOR_EVER)

    def _changed(self) -> None:
        self._watch.poke()
        for phone in self.phones.values():
            phone.show()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do something beside what goes on. When the line is cut meanwhile, that is its end."""

        async def until_hung_up() -> None:
            with suppress(HungUpError, Refusal, TimeoutError):
                await work
            self._changed()

        if self._group is None:
            work.close()
            raise RuntimeError("the parlour is not open")
        task = self._group.create_task(until_hung_up())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: work.close())  # where it was cancelled before it began
        return task
