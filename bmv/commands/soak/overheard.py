"""What was heard, judged by its sound: how much of a sentence came, translated or in the speaker's own voice.

The simulated translators turn the sign of every sample round (`Mirror`, `MirrorTurns`), so a translation is told from
the original whatever the language. Judging is work, so it is done in another process (`Ear.of` is all it needs).
"""

from __future__ import annotations

from dataclasses import dataclass

from bmv.audio import mulaw
from bmv.audio.levels import is_silent
from bmv.audio.listening import listen
from bmv.simulator.openai import EchoBrain, EchoTurns, Part, Piece, Said

DELAY_SECONDS = 0.8  # how far behind the simulated continuous model is


class Mirror(EchoBrain):
    """Says what it hears, turned upside down, as far behind as the real one is when it is quick."""

    def __init__(self) -> None:
        super().__init__(delay_seconds=DELAY_SECONDS)

    def hear(self, frame: mulaw.Samples) -> Said:
        """Turn the echo of this frame round."""
        return _turned(super().hear(frame))

    def finish(self) -> Said:
        """And the rest of it."""
        return _turned(super().finish())


class MirrorTurns(EchoTurns):
    """The same, sentence by sentence."""

    def answer(self, utterances: tuple[mulaw.Samples, ...], _instructions: str, /) -> list[Part]:
        """Turn the last utterance round: it is the one that was not answered yet."""
        return [Part(-utterance) for utterance in utterances[-1:]]


def _turned(said: Said) -> Said:
    return Said(pieces=tuple(Piece(-piece.audio) for piece in said.pieces), goes_on=said.goes_on)


def translated(original: bytes) -> bytes:
    """What the mirror makes of mu-law."""
    return bytes(code ^ 0x80 for code in original)


@dataclass(frozen=True)
class Ear:
    """What one party heard of what the other said: shares of it (0 to 1), and seconds that were not silence."""

    who: str
    translated: float
    original: float
    heard_seconds: float
    said_seconds: float

    @classmethod
    def of(cls, who: str, heard: bytes, said: bytes) -> Ear:
        """Listen: both are mu-law. Takes some 100 ms for ten seconds."""
        return cls(
            who,
            round(listen(heard, translated(said)).share, 2),
            round(listen(heard, said).share, 2),
            round(_voiced(heard), 2),
            round(_voiced(said), 2),
        )


def _voiced(heard: bytes) -> float:
    return sum(not is_silent(frame) for frame in mulaw.frames(heard)) * mulaw.FRAME_SECONDS
