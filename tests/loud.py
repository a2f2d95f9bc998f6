"""How loud a recording is, and recordings as loud as a test wants them."""

from __future__ import annotations

import numpy as np

from bmv.audio import mulaw
from bmv.audio.mulaw import Samples


def active_db(ulaw: bytes) -> float:
    """The level while somebody speaks: the RMS of every 20 ms within 30 dB of the loudest, against full scale."""
    frames = mulaw.decode(ulaw).astype(np.float64).reshape(-1, mulaw.FRAME_BYTES) / 32768
    power = (frames**2).mean(axis=1)
    return float(10 * np.log10(power[power >= power.max() / 1000].mean()))


def peak(ulaw: bytes) -> int:
    """The largest magnitude of any sample on the 16-bit scale: 0 to 32124, and 0 for no bytes."""
    return int(np.abs(mulaw.decode(ulaw)).max(initial=0))


def pcm(samples: Samples, gain_db: float = 0.0) -> bytes:
    scaled: Samples = np.rint(samples * 10 ** (gain_db / 20)).clip(-32768, 32767).astype("<i2")
    return scaled.tobytes()
