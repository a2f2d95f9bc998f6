"""The voices of the simulated parties: sentences spoken by SVOX Pico, turned into the house format.

Speech is made when it is needed, so no recording is kept in the repository.
"""

import subprocess
import sys
import threading
from functools import lru_cache
from importlib.util import find_spec
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bmv.audio import mulaw
from bmv.audio.mulaw import Samples
from bmv.errors import BmvError

LANGUAGES: Final = MappingProxyType({"es": "es-ES", "en": "en-US", "fr": "fr-FR", "de": "de-DE", "it": "it-IT"})
"""The languages that can be spoken, with the name that Pico gives the voice."""
LONGEST_TEXT: Final = 300
"""Characters. Pico's time grows out of all proportion with the length of what it takes for one word."""

_PICO_RATE = 16000
_LOUDNESS = 0.5  # Pico peaks at full scale, where nothing could be mixed in or made louder
_AUDIBLE = 100  # of 32767, after scaling
_TAIL_SECONDS = 0.1
_TAPS = 95
_CUT_OFF = 3600  # Hz, as in the resampler to 24 kHz
_KAISER_BETA = 6.0

# What Pico says depends a little on what it said before in the same process. So each sentence is spoken in a process of
# its own: everywhere and always the same, whatever else was said, or a test would fail by who was heard before it.
_IN_A_PROCESS: Final = """
import sys, py_nanotts
text, (voice, *pitch) = sys.stdin.buffer.read().decode(), sys.argv[1:]
manner = {"pitch": float(pitch[0])} if pitch else {}
sys.stdout.buffer.write(py_nanotts.NanoTTS().speak(text, voice=voice, **manner))
"""
_ONE_AT_A_TIME = threading.Lock()


def speak(text: str, language: str) -> bytes:
    """Speak one sentence: mu-law at 8 kHz, whole frames of 20 ms, peaks at about half of full scale.

    The first call for a sentence takes some 60 ms, so speak what is needed before the clock runs; later calls return
    the same bytes at once. BmvError if the voices are not installed, or for a language, or a text, that cannot be
    spoken.
    """
    if language not in LANGUAGES:
        raise BmvError(f"no voice speaks {language!r}, only {', '.join(LANGUAGES)}")
    if not text.strip() or len(text) > LONGEST_TEXT:
        raise BmvError(f"a voice speaks 1 to {LONGEST_TEXT} characters at a time, not {len(text.strip())}")
    with _ONE_AT_A_TIME:
        return _spoken(text, LANGUAGES[language])


@lru_cache(maxsize=256)
def _spoken(text: str, voice: str) -> bytes:
    wide = np.frombuffer(pico(text, voice), "<i2")
    if not wide.size:
        raise BmvError(f"the voice {voice} finds nothing to say in {text!r}")
    audible = _narrow(wide)
    return b"".join(mulaw.frames(mulaw.encode(_without_tail(audible))))


def pico(text: str, voice: str, pitch: float | None = None) -> bytes:
    """What SVOX Pico makes of a text, in its own pitch or another (1 is nearly its own): 16 kHz, 16 bits.

    BmvError if it is not installed: it is an extra of the demo, and no need of the server.
    """
    if find_spec("py_nanotts") is None:
        raise BmvError('the voices are not installed: run pip install ".[demo]" in the folder of this project')
    command = [sys.executable, "-I", "-c", _IN_A_PROCESS, voice, *([] if pitch is None else [str(pitch)])]
    return subprocess.run(command, input=text.encode(), stdout=subprocess.PIPE, check=True).stdout  # noqa: S603


def _narrow(wide: NDArray[np.int16]) -> Samples:
    """Bring 16 kHz down to 8 kHz, without what would fold back below 4 kHz, at the loudness of the house."""
    filtered = np.convolve(wide, _LOW_PASS, mode="same")[:: _PICO_RATE // mulaw.SAMPLE_RATE]
    narrow: Samples = np.clip(np.rint(filtered), -32768, 32767).astype(np.int16)
    return narrow


def _low_pass() -> NDArray[np.float64]:
    time = np.arange(_TAPS) - _TAPS // 2
    taps = np.sinc(2 * _CUT_OFF / _PICO_RATE * time) * np.kaiser(_TAPS, _KAISER_BETA)
    weights: NDArray[np.float64] = taps * (_LOUDNESS / taps.sum())
    return weights


_LOW_PASS = _low_pass()


def _without_tail(pcm: Samples) -> Samples:
    """Cut the half second of silence that Pico adds to each sentence, all but a breath of it."""
    audible = np.flatnonzero(np.abs(pcm.astype(np.int32)) > _AUDIBLE)
    end = int(audible[-1]) + 1 if audible.size else 0
    return pcm[: end + round(_TAIL_SECONDS * mulaw.SAMPLE_RATE)]
