"""The two telephones: who holds each, how far its call is, and what can be done with it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Final

from bmv.simulator.conversation import Line, Role, Script
from bmv.simulator.phone import phone_wire
from bmv.simulator.phone.handset import Handset
from bmv.simulator.phone.visitor import Visitor
from bmv.simulator.twilio import Agent, Call, FakeTwilio, Reservation

CALLER: Final = "+34911000111"


class Refusal(Exception):
    """What was asked of a phone cannot be done right now; the text is one of the page's words for why."""


class Telephone(ABC):
    """One of the two. At most one visitor holds it, or the scripted partner does; everybody else may look at it.

    `on_change` is called when its state is another.
    """

    role: Role

    def __init__(self, script: Script, on_change: Callable[[], None], *, record: bool) -> None:
        self.visitors: set[Visitor] = set()
        self.holder: Visitor | None = None
        self.scripted = False
        """Whether the partner holds it."""
        self.handset: Handset | None = None
        """What is at the end of the line while there is a call, and the last one after it."""
        self.said = ("", "")
        """The sentence that the telephone company spoke last in this call, and its language as `<Say>` names it."""
        self._script = script
        self._changed = on_change
        self._record = record
        self._shown: object = None

    # --- who holds it -------------------------------------------------------------------------------------------------

    def take(self, visitor: Visitor, stream_sid: str) -> None:
        """Give the phone to somebody. Raises `Refusal` where somebody else has it."""
        if self.scripted or self.holder not in (None, visitor):
            raise Refusal("taken")
        self.holder, visitor.stream_sid = visitor, stream_sid
        self._changed()

    def leave(self, visitor: Visitor) -> None:
        """Take it back from who holds it, which ends the call, as there is nobody to hold it."""
        if visitor is self.holder:
            self.holder = None
            self.hang_up()
            visitor.hush()
            self._changed()

    def let_partner(self, on: bool) -> None:
        """Give it to the scripted partner, or take it away again. Raises `Refusal` where somebody has it."""
        if self.holder is not None:
            raise Refusal("taken")
        if self.scripted and not on:
            self.hang_up()
        self.scripted = on
        self._changed()

    # --- what its holder does -----------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def phase(self) -> str:
        """How far its call is; `idle` without one."""

    @property
    @abstractmethod
    def call(self) -> Call | None:
        """The call that this phone is at the far end of."""

    @abstractmethod
    def hang_up(self) -> None:
        """End the call, if there is one."""

    @property
    @abstractmethod
    def language(self) -> str | None:
        """The tag of what is spoken here, as far as it is known."""

    def press(self, key: str) -> None:
        """Press a key. Without a call nothing happens."""
        if self.call is not None and self.call.status == "in-progress":
            self.call.press(key)

    def say_words(self, text: str) -> None:
        """Say something that the recogniser writes as this. Where nobody listens for words nothing happens."""
        if self.call is not None and self.call.status == "in-progress" and self.call.stream is None:
            self.call.say_words(text)

    def say(self, number: int) -> None:
        """Speak one of the sentences of the script. Raises `Refusal` for none of them, or without a call."""
        if self.handset is None or self.handset.hung_up.is_set():
            raise Refusal("no call")
        if number >= len(self._script.lines):
            raise Refusal("no sentence")
        self.handset.say(self._script.lines[number].audio())

    def receive(self, visitor: Visitor, ulaw: bytes) -> None:
        """Take sound from a microphone; that of whoever does not hold the phone is nobody's."""
        if visitor is self.holder and self.handset is not None:
            self.handset.receive(ulaw)

    @property
    def lines(self) -> Sequence[Line]:
        """What the partner says at this phone."""
        return self._script.of(self.role)

    # --- the display --------------------------------------------------------------------------------------------------

    def show(self) -> None:
        """Tell everybody who looks, if anything has changed."""
        shown = (self._state(), self.holder, self.scripted)
        if shown != self._shown:
            self._shown = shown
            for visitor in self.visitors:
                self.show_to(visitor)

    def tell(self, text: str) -> None:
        """Tell everybody who looks something that is no state."""
        for visitor in self.visitors:
            visitor.tell(text)

    def show_to(self, visitor: Visitor) -> None:
        """Tell one of them how it is."""
        visitor.tell(phone_wire.state(**self._state(), holder=self._holder_for(visitor)))

    def _state(self) -> dict[str, object]:
        text, language = self.said
        return {
            "side": self.role,
            "phase": self.phase,
            "language": self.language,
            "said": {"text": text, "language": language} if text else None,
        }

    def _holder_for(self, visitor: Visitor) -> str:
        if self.scripted:
            return "script"
        return "nobody" if self.holder is None else "you" if self.holder is visitor else "other"

    def new_handset(self) -> Handset:
        """A fresh end of a line, for a call that begins."""
        self.said = ("", "")
        self.handset = Handset(self.role, on_hear=self._hear, on_overhear=self._overhear, record=self._record)
        return self.handset

    def _hear(self, frame: bytes) -> None:
        if self.holder is not None:
            self.holder.hear(frame)

    def _overhear(self, text: str, language: str) -> None:
        self.said = (text, language)
        self._changed()


class CallerPhone(Telephone):
    """The caller's: dials the company's number, and is asked for a language."""

    role = "caller"

    def __init__(
        self, twilio: FakeTwilio, number: str, script: Script, on_change: Callable[[], None], *, record: bool
    ) -> None:
        super().__init__(script, on_change, record=record)
        self.answered_in: str | None = None
        """The language that the server has chosen for the call, once it is known."""
        self.talks = False
        """Whether an agent is on the line."""
        self._twilio = twilio
        self._number = number
        self._call: Call | None = None

    @property
    def call(self) -> Call | None:
        """The call, until it is over."""
        return None if self._call is None or self._call.over else self._call

    async def dial(self) -> Call:
        """Call the company. Raises `Refusal` during a call."""
        if self.call is not None:
            raise Refusal("in call")
        self.answered_in, self.talks = None, False
        self._call = await self._twilio.dial(from_=CALLER, to=self._number, party=self.new_handset())
        self._changed()
        return self._call

    def hang_up(self) -> None:
        """Put the receiver down."""
        if self.call is not None:
            self.call.end()
            self._changed()

    @property
    def language(self) -> str | None:
        """What the server has chosen; None before."""
        return self.answered_in

    @property
    def phase(self) -> str:
        """One of idle, dialling, menu, greeting, waiting, talking, farewell."""
        call = self.call
        if call is None:
            return "idle"
        if not call.was_answered:
            return "dialling"
        if call.stream is not None:
            return "talking" if self.talks else "waiting"
        if call.streams:
            return "farewell"
        asked = call.gatherings[-1] if call.gatherings else None
        return "menu" if asked is not None and not (asked.digits or asked.words) else "greeting"


class AgentPhone(Telephone):
    """The agent's: rings when the server has a call for it."""

    role = "agent"

    def __init__(self, script: Script, on_change: Callable[[], None], *, language: str, record: bool) -> None:
        super().__init__(script, on_change, record=record)
        self.reservation: Reservation | None = None
        """What rings, or rang; None without a call."""
        self.agent: Agent | None = None
        """Who has accepted."""
        self._language = language

    @property
    def call(self) -> Call | None:
        """The call from the server to the agents' number."""
        return None if self.reservation is None else self.reservation.task.call

    @property
    def language(self) -> str:
        """What this agent speaks."""
        return self._language

    def speaks(self, tag: str) -> None:
        """Speak another language from the next call on. Raises `Refusal` during a call."""
        if self.reservation is not None:
            raise Refusal("in call")
        self._language = tag
        self._changed()

    def ring(self, reservation: Reservation | None) -> None:
        """Ring; None: the call is over."""
        self.reservation, self.agent = reservation, None
        self._changed()

    async def accept(self) -> Agent:
        """Take the call. Raises `Refusal` where nothing rings, and `HungUpError` where it has just stopped."""
        if self.reservation is None or self.phase != "ringing":
            raise Refusal("no call")
        self.agent = await self.reservation.accept(party=self.new_handset())
        self._changed()
        return self.agent

    def hang_up(self) -> None:
        """Leave the conversation, which ends it. What rings goes on ringing: agents do not reject."""
        if self.agent is not None and self.reservation is not None:
            self.reservation.task.finish()

    @property
    def phase(self) -> str:
        """One of idle, ringing, talking."""
        if self.reservation is None:
            return "idle"
        return "ringing" if self.reservation.status == "pending" else "talking"
