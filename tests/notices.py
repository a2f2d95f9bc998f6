"""Recordings of our own sentences for tests: noises that no two sentences share, so that each is known by its sound."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from zlib import crc32

import numpy as np

from bmv.audio import mulaw
from bmv.audio.wav import write_wav
from bmv.languages import IN_STREAM, LANGUAGES, Sentence

SECONDS = 0.8


@cache
def notice(sentence: Sentence, tag: str) -> bytes:
    """What is heard instead of this sentence in this language: mu-law, whole frames."""
    noise = np.random.default_rng(crc32(f"{tag} {sentence.name}".encode()))
    samples = noise.integers(-6000, 6000, round(SECONDS * mulaw.SAMPLE_RATE), np.int16)
    return mulaw.encode(samples)


def record_notices(directory: Path) -> None:
    """Write all of them, as an operator's own recordings."""
    for tag in LANGUAGES:
        (directory / tag).mkdir()
        for sentence in IN_STREAM:
            write_wav(directory / tag / f"{sentence.name.lower()}.wav", notice(sentence, tag))
