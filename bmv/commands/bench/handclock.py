"""One call in this process, on a clock that is turned by hand: an hour of it takes seconds.

The heart is the real one and so are both translators with their resampling, batches and messages; what is made by hand
is the line to OpenAI, the legs and the carrier. So it shows what a call costs apart from sockets, and what it keeps.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from base64 import b64encode
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from bmv import languages
from bmv.audio.mulaw import FRAME_BYTES, FRAME_MS, FRAME_SECONDS
from bmv.call.captions import CaptionFeed
from bmv.call.carrier import NewCall, Seat
from bmv.call.leg import Role
from bmv.call.metronome import Metronome
from bmv.call.renewal import Renewing
from bmv.call.services import Caller, CallPolicy, CallServices
from bmv.call.session import CallSession
from bmv.call.state import EndReason
from bmv.call.transcript import Transcripts
from bmv.call.translator import LanguagePair, Translator, TranslatorLost
from bmv.commands.bench import sound
from bmv.commands.bench.sound import CYCLE, DELTA_FRAMES, TURN
from bmv.languages import Language, Sentence
from bmv.metrics import Histogram, LastProblem
from bmv.telephony.gathering import FRAMES
from bmv.translators.openai_account import Account
from bmv.translators.openai_interpreter import OpenAIInterpreter
from bmv.translators.openai_realtime_commands import Configuration
from bmv.translators.openai_translate import OpenAITranslator

RENEW_SECONDS = 3000.0  # as in production: a session is replaced after 50 minutes
_LAG = 100
_PAUSE = 25
_TURNS_OF_THE_LOOP = 3
_GOODBYE_FRAMES = 250  # 5 s: until sessions are closed and farewells said


class HandLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is what somebody says it is."""

    def __init__(self) -> None:
        super().__init__()
        self.hand = 1000.0

    def time(self) -> float:
        """Seconds."""
        return self.hand


class QuietLine:
    """A line to OpenAI in this process: takes what is sent, and gives the translation of each turn in its time."""

    def __init__(self, *, wide: bool, role: str) -> None:
        self.left = False
        self.close_code: int | None = None
        self._wide = wide
        self._beats = 0
        self._messages: asyncio.Queue[bytes] = asyncio.Queue()
        self._deltas: deque[int] = deque()
        self._translation = sound.translation(role)
        self._start = sound.script(role).turn.start
        self._turn = 0
        self._metadata: object = None

    # -- as the translators use it ------------------------------------------------------------------------------

    def post(self, message: bytes, *, audio: bool) -> bool:
        """See `Line.post`."""
        if audio:
            return True
        if b'"response.create"' in message:
            self._answer(json.loads(message)["response"]["metadata"])
        elif b'"conversation.item.retrieve"' in message:
            name = json.loads(message)["event_id"]
            self._say("error", error={"type": "invalid_request_error", "code": "", "message": "", "event_id": name})
        elif b'"session.close"' in message:
            self._say("session.closed")
        return True

    async def listen(self, take: Callable[[bytes], bool]) -> bool:
        """See `Line.listen`."""
        while not take(await self._messages.get()):
            pass
        return True

    def lost(self, _last: object) -> TranslatorLost:
        """See `Line.lost`."""
        return TranslatorLost("it cannot be lost")

    failed = lost

    # -- the model ----------------------------------------------------------------------------------------------

    def beat(self, place: int) -> None:
        """20 ms; `place` is where in the script the parties are."""
        self._beats += 1
        since = (place - self._start) % CYCLE
        if self._wide:
            self._go_on(since)
        else:
            self._take_turns(since)

    def _go_on(self, since: int) -> None:
        """Continuously: since the turn began so many frames have passed."""
        if since == _LAG:
            self._deltas.extend(range(len(self._translation)))
        if self._beats % DELTA_FRAMES == 0:
            number = self._deltas.popleft() if self._deltas else None
            text = sound.filler() if number is None else _wide(self._translation[number].ulaw)
            self._messages.put_nowait(b'{"type":"session.output_audio.delta","delta":"%b"}' % text)
            if number is not None:
                self._say("session.output_transcript.delta", delta="palabra ")

    def _take_turns(self, since: int) -> None:
        """Turn by turn."""
        if since == 5:
            self._turn += 1
            start = max(0, self._beats - 20) * FRAME_MS
            self._say("input_audio_buffer.speech_started", audio_start_ms=start, item_id=f"item_{self._turn}")
        elif since == TURN + _PAUSE and self._turn:
            end, item = self._beats * FRAME_MS, f"item_{self._turn}"
            self._say("input_audio_buffer.speech_stopped", audio_end_ms=end, item_id=item)
            self._say("input_audio_buffer.committed", item_id=item)
            kind = "conversation.item.input_audio_transcription.completed"
            self._say(kind, item_id=item, transcript="palabras")
        elif self._deltas and self._beats % (DELTA_FRAMES // 2) == 0:
            name, delta = f"resp_{self._turn}", b64encode(self._translation[self._deltas.popleft()].ulaw).decode()
            self._say("response.output_audio.delta", response_id=name, delta=delta)
            self._say("response.output_audio_transcript.delta", response_id=name, delta="palabra ")
            if not self._deltas:
                self._say("response.done", response={"id": name, "status": "completed", "metadata": self._metadata})

    def _answer(self, metadata: object) -> None:
        self._metadata = metadata
        self._say("response.created", response={"id": f"resp_{self._turn}", "metadata": metadata})
        self._deltas.extend(range(len(self._translation)))

    def _say(self, kind: str, **fields: object) -> None:
        self._messages.put_nowait(json.dumps({"type": kind, **fields}).encode())


_WIDE: dict[bytes, bytes] = {}


def _wide(ulaw: bytes) -> bytes:
    if ulaw not in _WIDE:
        _WIDE[ulaw] = sound.wide(ulaw)
    return _WIDE[ulaw]


@dataclass
class QuietFactory:
    """Opens the real translators over quiet lines."""

    wide: bool
    lines: list[QuietLine] = field(default_factory=list)
    opened: int = 0
    problem: str | None = None

    def can_speak(self, _language: Language) -> bool:
        """See `TranslatorFactory.can_speak`."""
        return True

    @asynccontextmanager
    async def open(self, pair: LanguagePair, _uplink: Histogram) -> AsyncIterator[Translator]:
        """See `TranslatorFactory.open`."""
        line: Any = QuietLine(wide=self.wide, role="agent" if pair.source.tag == "en" else "caller")
        self.lines.append(line)
        self.opened += 1
        problem = LastProblem()
        try:
            if self.wide:
                yield OpenAITranslator(line, billed=None, problem=problem, renew_in=RENEW_SECONDS)
            else:
                wanted = Configuration("gpt-realtime-2.1", "marin", "", "gpt-transcribe", ("es", "en"))
                account = Account(None, transcription="gpt-transcribe")
                yield OpenAIInterpreter(line, wanted, account=account, problem=problem, renew_in=RENEW_SECONDS)
        finally:
            self.lines.remove(line)


class _Carrier:
    problem: str | None = None

    async def dial(self, call: NewCall) -> str:
        return f"CA-{call.role.value}"

    async def say(self, call_sid: str, sentence: str, language: Language) -> None:
        pass

    async def hang_up(self, call_sid: str) -> None:
        pass

    async def is_held(self, seat: Seat) -> bool:  # noqa: ARG002
        return False


class _Speaker:
    def say(self, sentence: Sentence, language: Language) -> bytes:  # noqa: ARG002
        return b""


class DeafLeg:
    """A leg that plays and answers marks, and keeps nothing."""

    def __init__(self, call_sid: str) -> None:
        self.call_sid = call_sid
        self.frames = 0
        self.mark: str | None = None

    def play(self, audio: bytes, mark: str | None = None) -> None:
        """See `Leg.play`."""
        self.frames += len(audio) // FRAME_BYTES
        self.mark = mark or self.mark

    async def close(self) -> None:
        """See `Leg.close`."""


class HandCall:
    """One call that is bridged. Made by `hand_call`."""

    def __init__(self, loop: HandLoop, *, wide: bool) -> None:
        self.loop = loop
        self.metronome = Metronome(clock=loop.time)
        self.factory = QuietFactory(wide)
        self.transcripts = Transcripts(loop.time)
        english = languages.LANGUAGES["en"]
        services = CallServices(
            _Carrier(),
            (Renewing(self.factory),),
            _Speaker(),
            self.metronome,
            CaptionFeed(),
            self.transcripts,
            CallPolicy(agent_language=english, farewell=0.0),
        )
        self.session = CallSession(Caller("CA-caller", "anonymous", languages.LANGUAGES["es"]), services)
        self.legs = {role: DeafLeg(f"CA-{role.value}") for role in Role}
        self.place = TURN + 10
        """Where in the script both parties are; it begins in a pause."""
        self._bunches = {role: bytearray() for role in Role}
        self._patient = dict.fromkeys(Role, False)

    async def bridge(self) -> None:
        """Bring it about."""
        self.session.leg_connected(Role.CALLER, self.legs[Role.CALLER])
        await self.settle()
        self.session.leg_connected(Role.AGENT, self.legs[Role.AGENT])
        self.session.agent_accepted("WR1")
        for _ in range(20):
            await self.settle()

    async def settle(self) -> None:
        """Let every task do what there is to do."""
        for _ in range(_TURNS_OF_THE_LOOP):
            await asyncio.sleep(0)

    async def pass_frames(self, count: int) -> None:
        """Both parties say so many frames of their scripts, handed over as `Gathering` would."""
        scripts = {role: sound.script(role.value).frames for role in Role}
        for _ in range(count):
            self.loop.hand += FRAME_SECONDS
            place = self.place % CYCLE
            for role in Role:
                self._bunches[role] += scripts[role][place]
                if not self._patient[role] or len(self._bunches[role]) == FRAMES * FRAME_BYTES:
                    self._patient[role] = self.session.hear(role, bytes(self._bunches[role]))
                    self._bunches[role].clear()
                leg = self.legs[role]
                if leg.mark:
                    mark, leg.mark = leg.mark, None
                    self.session.mark_reached(role, leg, mark)
            for line in self.factory.lines:
                line.beat(place)
            self.metronome.beat()
            await self.settle()
            self.place += 1


@asynccontextmanager
async def hand_call(*, wide: bool) -> AsyncIterator[HandCall]:
    """A bridged call, in a `HandLoop`; ended when left."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, HandLoop):
        raise TypeError("a call by hand needs a loop by hand")
    call = HandCall(loop, wide=wide)
    running = asyncio.create_task(call.session.run())
    await call.bridge()
    try:
        yield call
    finally:
        call.session.end(EndReason.CALLER_HUNG_UP)
        for _ in range(_GOODBYE_FRAMES):
            loop.hand += FRAME_SECONDS
            call.metronome.beat()
            await call.settle()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
