"""Recordings on disk: mu-law in memory, WAV files of 8 kHz, 16 bits, mono outside, which every player opens."""

import wave
from pathlib import Path

import numpy as np

from bmv.audio import mulaw


def write_wav(path: Path, ulaw: bytes) -> None:
    """Write a recording, over an old one if need be. OSError if the place is not there or not ours."""
    with path.open("wb") as file, wave.open(file, "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(mulaw.SAMPLE_RATE)
        recording.writeframes(mulaw.decode(ulaw).astype("<i2").tobytes())


def read_wav(path: Path) -> bytes:
    """Read a recording as mu-law. ValueError, which names the file, for anything but 8 kHz, 16-bit, mono PCM."""
    try:
        with path.open("rb") as file, wave.open(file, "rb") as recording:
            kind = (recording.getframerate(), 8 * recording.getsampwidth(), recording.getnchannels())
            pcm = recording.readframes(recording.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{path} is not a WAV file of plain PCM: {str(error) or 'it ends too soon'}") from error
    if kind != (mulaw.SAMPLE_RATE, 16, 1):
        rate, bits, channels = kind
        raise ValueError(f"{path} must be 8000 Hz, 16 bits, 1 channel; it is {rate} Hz, {bits} bits, {channels}")
    return mulaw.encode(np.frombuffer(pcm, "<i2", len(pcm) // 2).astype(np.int16))
