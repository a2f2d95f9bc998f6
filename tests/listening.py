"""What has to be true of what somebody heard."""

from __future__ import annotations

from bmv.audio import mulaw
from bmv.audio.levels import is_silent
from bmv.audio.listening import listen

__all__ = ["assert_heard", "listen", "voiced_seconds"]


def assert_heard(heard: bytes, said: bytes) -> None:
    """All of `said` arrived, once, in order and as loud as it was spoken.

    Complete by the seconds of voice; in order by the syllables, of which some may be torn on a busy machine, where the
    real time of these tests gets holes.
    """
    found = listen(heard, said)
    assert found.share >= 0.5, found
    assert abs(found.gain_db) < 1.0, found
    voice = voiced_seconds(said)
    assert abs(voiced_seconds(heard) - voice) < 0.1 * voice + 0.3, (voiced_seconds(heard), voice)


def voiced_seconds(heard: bytes) -> float:
    """How much of it is not silence."""
    return sum(not is_silent(frame) for frame in mulaw.frames(heard)) * mulaw.FRAME_SECONDS
