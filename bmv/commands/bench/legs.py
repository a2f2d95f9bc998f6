"""One party's telephone: Twilio's end of a media stream, which says the script and plays what comes.

Source: Twilio's "Media Streams: WebSocket messages".
"""

from __future__ import annotations

import binascii
import json
from array import array
from collections import deque
from typing import Final

from bmv.audio.mulaw import FRAME_MS
from bmv.commands.bench import sound
from bmv.commands.bench.mouth import Listener, Played
from bmv.commands.bench.websocket import Socket, frame

_REMEMBERED: Final = 4096
"""Of so many frames it is known when they were sent: 80 s."""
_PAYLOAD: Final = b'"payload"'
_MEDIA: Final = (
    b'{"event":"media","sequenceNumber":"%d","media":{"track":"inbound","chunk":"%d","timestamp":"%d","payload":"%b"},'
    b'"streamSid":"%b"}'
)


class Leg:
    """A media stream. It says line noise until `begin`, then its script for ever."""

    def __init__(self, role: str, call_sid: str, stream_sid: str, socket: Socket, played: Played) -> None:
        self.script = sound.script(role)
        self.role = role
        self.call_sid, self.stream_sid = call_sid, stream_sid
        self.place = 0
        self.said = 0
        self.listener = Listener(played)
        self.over = False
        """Whether the server has ended the stream."""
        self._socket = socket
        self._sid = stream_sid.encode()
        self._noise = sound.line_noise(role)
        self._muted = 0
        self._talks = False
        self._chunk = 0
        self._sent = array("d", bytes(8 * _REMEMBERED))
        self._marks: deque[tuple[float, str]] = deque()

    def start(self, parameters: dict[str, str], account_sid: str) -> None:
        """Send the two messages that begin a stream."""
        self._socket.send(b'{"event":"connected","protocol":"Call","version":"1.0.0"}')
        start = {
            "accountSid": account_sid,
            "streamSid": self.stream_sid,
            "callSid": self.call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": parameters,
        }
        message = {"event": "start", "sequenceNumber": "1", "start": start, "streamSid": self.stream_sid}
        self._socket.send(json.dumps(message).encode())

    def begin(self, place: int) -> None:
        """Say the script from now on, from this place of it; a turn that has begun there already is left out."""
        self.place, self._talks = place, True
        self._muted = max(0, self.script.turn.stop - place) if place > self.script.turn.start else 0

    def sent_at(self, frame: int) -> float:
        """See `ears.Speaker`."""
        return self._sent[frame % _REMEMBERED]

    def beat(self, now: float) -> None:
        """The next 20 ms."""
        number = self._chunk
        self._chunk += 1
        if self._talks:
            place = (self.said + self.place) % sound.CYCLE
            text = self._noise[number % len(self._noise)] if self.said < self._muted else self.script.texts[place]
            self._sent[self.said % _REMEMBERED] = now
            self.said += 1
        else:
            text = self._noise[number % len(self._noise)]
        self._write(_MEDIA % (number + 2, number + 1, (number + 1) * FRAME_MS, text, self._sid))
        while self._marks and self._marks[0][0] <= now:
            self._answer(self._marks.popleft()[1])

    def hear(self, message: bytes, now: float) -> None:
        """A message of the server's, received now."""
        place = message.find(_PAYLOAD)
        if place >= 0:
            begin = message.index(b'"', place + len(_PAYLOAD)) + 1
            self.listener.hear(binascii.a2b_base64(message[begin : message.index(b'"', begin)]), now)
            return
        order = json.loads(message)
        if order["event"] == "mark":
            self._marks.append((self.listener.plays_until, order["mark"]["name"]))

    def stop(self) -> None:
        """Hang up."""
        stop = {"event": "stop", "sequenceNumber": str(self._chunk + 2), "streamSid": self.stream_sid}
        self._socket.send(json.dumps(stop | {"stop": {"accountSid": "", "callSid": self.call_sid}}).encode())
        self._socket.close()

    def _answer(self, name: str) -> None:
        mark = {"event": "mark", "streamSid": self.stream_sid, "sequenceNumber": str(self._chunk + 2)}
        self._write(json.dumps(mark | {"mark": {"name": name}}).encode())

    def _write(self, message: bytes) -> None:
        if self._socket.open:
            self._socket.write(frame(message, masked=True))
