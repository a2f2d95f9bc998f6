"""OpenAI's end of the sessions: it hears the script, and when a turn has been heard it sends that turn's translation.

Two kinds, as the server uses them: the continuous model, which sends 200 ms of sound all the time, silence included,
at the pace it likes; and the turn-based one, which says when somebody talks and answers when it is asked to.
"""

from __future__ import annotations

import binascii
import json
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from time import perf_counter
from typing import Any, Final

from bmv.audio.mulaw import FRAME_BYTES, FRAME_MS
from bmv.commands.bench import sound
from bmv.commands.bench.ears import Heard, UlawEar, WideEar
from bmv.commands.bench.legs import Leg
from bmv.commands.bench.mouth import Stretch
from bmv.commands.bench.sound import CYCLE, DELTA_FRAMES, TURN, Delta
from bmv.commands.bench.websocket import Socket, frame

LAG: Final = 100
"""Frames (2 s) by which the continuous model's translation follows the speaker."""
_ONSET = 5
_PAUSE = 25
"""Frames after which the turn-based model's detector hears speech begin, and end."""
_TURN_PACE = 2
"""The turn-based model speaks twice as fast as real time: faster than it is heard, as the real one does."""
_WORDS: Final = ("uno ", "dos ", "tres ", "cuatro ")
_SAYS_IN = re.compile(r"\b(?:say|into|to) (?:in )?(Spanish|English)\b")


@dataclass
class Uplink:
    """What was measured at the model's end."""

    waits: list[float] = field(default_factory=list)
    """Seconds from the frame that completes a message being sent to that message being received."""
    heard: Heard = field(default_factory=Heard)
    messages: int = 0


class Session:
    """One session. Until `attach` it belongs to nobody."""

    def __init__(self, socket: Socket, uplink: Uplink) -> None:
        self.socket = socket
        self.uplink = uplink
        self.target: str | None = None
        """The role that hears it, known from the language it speaks."""
        self.speaker: Leg | None = None
        self.listener: Leg | None = None
        self.configured: Callable[[Session], None] = lambda _session: None
        """Called when the server has said what the session shall be like."""
        self._ear: UlawEar | WideEar | None = None
        self._cycles: dict[int, int] = {}
        self._stretch: Stretch | None = None
        socket.hear = self.hear

    def attach(self, speaker: Leg, listener: Leg) -> None:
        """Whose session it is."""
        self.speaker, self.listener = speaker, listener

    def move(self, uplink: Uplink) -> None:
        """Take notes elsewhere from now on."""
        self.uplink = uplink
        if self._ear is not None:
            self._ear.begin(uplink.heard)

    def due(self, said: int, now: float) -> int:  # noqa: ARG002 - for who takes turns
        """How many voiced frames are still to come of what the speaker had said at that time, when it was `said`
        frames."""
        return self._ear.due(said) if self._ear is not None else 0

    def give_up(self, said: int, now: float) -> None:  # noqa: ARG002 - for who takes turns
        """What is still due of that is lost."""
        if self._ear is not None:
            self._ear.give_up(said)

    def beat(self, now: float) -> None:
        """20 ms have passed."""

    def hear(self, message: bytes) -> None:
        """A message of the server's."""
        if b'.append"' in message[:64]:
            place = message.index(b'"audio"') + 7
            begin = message.index(b'"', place) + 1
            self.uplink.messages += 1
            self.take(binascii.a2b_base64(message[begin : message.rindex(b'"')]))
        else:
            self.order(json.loads(message))

    def take(self, audio: bytes) -> None:
        """Sound to be translated."""
        if self._ear is not None and self.speaker is not None and self.speaker.said:
            self._ear.hear(audio)

    def order(self, event: dict[str, Any]) -> None:
        """Anything else."""
        raise NotImplementedError

    def say(self, kind: str, **fields: object) -> None:
        """Send an event."""
        self.socket.send(json.dumps({"type": kind, "event_id": "event_00000000", **fields}).encode())

    def _passed(self, frame: int, place: int) -> bool:
        """Whether what was heard has passed this place of the turn since the last time, wherever that was."""
        assert self.speaker is not None  # noqa: S101 - who calls this hears somebody
        cycle = (frame + self.speaker.place - self.speaker.script.turn.start - place) // CYCLE
        before = self._cycles.setdefault(place, cycle)
        self._cycles[place] = cycle
        return cycle > before

    def _sends(self, delta: Delta, now: float, *, first: bool) -> None:
        """Note what the listener is to hear of it."""
        if delta.starts:
            self._stretch = Stretch(delta.starts, first)
            if self.listener is not None:
                self.listener.listener.expected.append(self._stretch)
        if delta.voiced and self._stretch is not None:
            self._stretch.sent.append(now)


class Continuous(Session):
    """A session of `gpt-realtime-translate`."""

    def __init__(self, socket: Socket, uplink: Uplink, *, pace: int) -> None:
        """`pace` is how many seconds of sound it sends in one second."""
        super().__init__(socket, uplink)
        self._every = DELTA_FRAMES // pace
        self._beats = 0
        self._waiting: deque[int] = deque()
        self._configured = False
        self.say("session.created", session={"id": "sess_1", "type": "translation"})

    def attach(self, speaker: Leg, listener: Leg) -> None:
        """See `Session.attach`."""
        super().attach(speaker, listener)
        self._ear = WideEar(speaker, self.uplink.heard, self._after)

    def order(self, event: dict[str, Any]) -> None:
        """See `Session.order`."""
        if event["type"] == "session.update":
            language = event["session"]["audio"]["output"]["language"]
            self.target = "agent" if language == "en" else "caller"
            heard = event["session"]["audio"].get("input", {})
            self.say("session.updated", session={"audio": {"input": heard, "output": {"language": language}}})
            self._configured = True
            self.configured(self)
        elif event["type"] == "session.close":
            self.say("session.closed")
            self.socket.close()

    def beat(self, now: float) -> None:
        """The next delta, when it is time for one."""
        self._beats += 1
        if self._beats % self._every or not self._configured or not self.socket.open:
            return
        if not self._waiting or self.speaker is None:
            self.socket.write(_filler())
            return
        number = self._waiting.popleft()
        self._sends(sound.translation(self.speaker.role)[number], now, first=number == 0)
        self.socket.write(_wide_deltas(self.speaker.role)[number])
        if number % 2 == 0:
            self.say("session.output_transcript.delta", delta=_WORDS[number // 2 % len(_WORDS)], elapsed_ms=0)

    def _after(self, frame: int, sent_at: float) -> None:
        self.uplink.waits.append(perf_counter() - sent_at)
        if self._passed(frame, LAG):
            assert self.speaker is not None  # noqa: S101
            self._waiting.extend(range(len(sound.translation(self.speaker.role))))
        for place in range(_ONSET, TURN, 20):
            if self._passed(frame, place):
                self.say("session.input_transcript.delta", delta="palabra ", elapsed_ms=0)


class TurnBased(Session):
    """A session of a conversational model."""

    def __init__(self, socket: Socket, uplink: Uplink) -> None:
        super().__init__(socket, uplink)
        self._received = 0
        self._item = 0
        self._asked_by_itself = True
        self._unasked_since: float | None = None
        """When a turn was heard whose translation the server has not asked for yet."""
        self._beats = 0
        self._steps: Iterator[None] | None = None
        self.say("session.created", session={"id": "sess_1", "type": "realtime"})

    def attach(self, speaker: Leg, listener: Leg) -> None:
        """See `Session.attach`."""
        super().attach(speaker, listener)
        self._ear = UlawEar(speaker, self.uplink.heard, self._after)

    def due(self, said: int, now: float) -> int:
        """See `Session.due`; a turn counts that nobody asks to have translated."""
        return super().due(said, now) + (self._turn_frames if self._unasked(now) else 0)

    def give_up(self, said: int, now: float) -> None:
        """See `Session.give_up`."""
        super().give_up(said, now)
        if self._unasked(now):
            self._lose_turn()

    def take(self, audio: bytes) -> None:
        """See `Session.take`."""
        self._received += len(audio) // FRAME_BYTES
        super().take(audio)

    def order(self, event: dict[str, Any]) -> None:
        """See `Session.order`."""
        match event:
            case {"type": "session.update", "session": session}:
                found = _SAYS_IN.search(session.get("instructions", ""))
                self.target = "agent" if found and found[1] == "English" else "caller"
                self._asked_by_itself = session["audio"]["input"]["turn_detection"].get("create_response", True)
                self.say("session.updated", session=session)
                self.configured(self)
            case {"type": "response.create", "response": asked}:
                self._unasked_since = None
                self._steps = self._answer(asked.get("metadata"))
            case {"type": "conversation.item.delete", "item_id": item}:
                self.say("conversation.item.deleted", item_id=item)
            case {"type": "conversation.item.retrieve", "event_id": name}:
                kind = "invalid_request_error"
                self.say("error", error={"type": kind, "code": "item_not_found", "message": "", "event_id": name})

    def beat(self, now: float) -> None:  # noqa: ARG002 - as for both
        """The next step of an answer, when it is time for one."""
        self._beats += 1
        if self._steps is not None and self._beats % (DELTA_FRAMES // _TURN_PACE) == 0 and self.socket.open:
            try:
                next(self._steps)
            except StopIteration:
                self._steps = None

    @property
    def _item_id(self) -> str:
        return f"item_{self._item}"

    def _after(self, frame: int, sent_at: float) -> None:
        self.uplink.waits.append(perf_counter() - sent_at)
        if self._passed(frame, _ONSET):
            self._item += 1
            start = max(0, self._received - _ONSET - 15) * FRAME_MS
            self.say("input_audio_buffer.speech_started", audio_start_ms=start, item_id=self._item_id)
        if self._passed(frame, TURN + _PAUSE) and self._item:
            self._commit()

    def _commit(self) -> None:
        end, item = self._received * FRAME_MS, self._item_id
        self.say("input_audio_buffer.speech_stopped", audio_end_ms=end, item_id=item)
        self.say("input_audio_buffer.committed", item_id=item, previous_item_id=None)
        told = {"id": item, "type": "message", "role": "user", "content": [{"type": "input_audio", "transcript": None}]}
        self.say("conversation.item.added", item=told, previous_item_id=None)
        self.say("conversation.item.done", item=told, previous_item_id=None)
        kind = "conversation.item.input_audio_transcription"
        for word in _WORDS:
            self.say(f"{kind}.delta", item_id=item, content_index=0, delta=word)
        usage = {"type": "duration", "seconds": 4}
        self.say(f"{kind}.completed", item_id=item, content_index=0, transcript="".join(_WORDS), usage=usage)
        if self._asked_by_itself:
            self._steps = self._answer(None)
            return
        if self._unasked_since is not None:
            self._lose_turn()
        self._unasked_since = perf_counter()

    def _unasked(self, before: float) -> bool:
        return self._unasked_since is not None and self._unasked_since < before

    def _lose_turn(self) -> None:
        self.uplink.heard.lost += self._turn_frames
        self._unasked_since = None

    @property
    def _turn_frames(self) -> int:
        """Voiced frames of the translation of a turn."""
        assert self.speaker is not None  # noqa: S101 - who has heard a turn hears somebody
        return sum(each.voiced for each in sound.translation(self.speaker.role))

    def _answer(self, metadata: object) -> Iterator[None]:
        assert self.speaker is not None  # noqa: S101
        name = f"resp_{self._item}"
        told = {"object": "realtime.response", "id": name, "status_details": None, "metadata": metadata}
        place = {"response_id": name, "output_index": 0, "item_id": f"{name}_item", "content_index": 0}
        yield
        self.say("response.created", response=told | {"status": "in_progress"})
        self.say("response.output_item.added", response_id=name, output_index=0, item={"id": f"{name}_item"})
        self.say("response.content_part.added", **place, part={"type": "audio", "transcript": ""})
        head = json.dumps({"type": "response.output_audio.delta", "event_id": "event_0", **place})[:-1].encode()
        texts = _ulaw_texts(self.speaker.role)
        for number, delta in enumerate(sound.translation(self.speaker.role)):
            self._sends(delta, perf_counter(), first=number == 0)
            self.socket.send(head + b',"delta":"' + texts[number] + b'"}')
            if number % 2 == 0:
                words = _WORDS[number // 2 % len(_WORDS)]
                self.say("response.output_audio_transcript.delta", **place, delta=words)
            yield
        self.say("response.output_audio.done", **place)
        self.say("response.output_audio_transcript.done", **place, transcript="")
        self.say("response.content_part.done", **place, part={"type": "audio", "transcript": ""})
        self.say("response.output_item.done", response_id=name, output_index=0, item={"id": f"{name}_item"})
        cached = {"text_tokens": 0, "audio_tokens": 0}
        details = {"text_tokens": 300, "audio_tokens": 45, "cached_tokens_details": cached}
        usage = {"input_token_details": details, "output_token_details": {"text_tokens": 20, "audio_tokens": 80}}
        self.say("response.done", response=told | {"status": "completed", "usage": usage})


@cache
def _filler() -> bytes:
    return _delta(sound.filler())


@cache
def _wide_deltas(role: str) -> tuple[bytes, ...]:
    return tuple(_delta(sound.wide(each.ulaw)) for each in sound.translation(role))


def _delta(text: bytes) -> bytes:
    event = b'{"type":"session.output_audio.delta","event_id":"event_00000000","delta":"%b","sample_rate":24000,'
    return frame(event % text + b'"channels":1,"format":"pcm16","elapsed_ms":200}', masked=False)


@cache
def _ulaw_texts(role: str) -> tuple[bytes, ...]:
    return tuple(binascii.b2a_base64(each.ulaw, newline=False) for each in sound.translation(role))
