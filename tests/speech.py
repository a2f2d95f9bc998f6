"""Real speech for tests, made when they run: SVOX Pico speaks it at 16 kHz, and here it comes as over a telephone."""

from functools import cache

import numpy as np

from bmv.audio.mulaw import Samples
from bmv.simulator import voices

SENTENCES = {
    "en-US": "Hello, I would like to know where my parcel is. Who knew? You two should go to the moon soon.",
    "es-ES": "Hola, quisiera saber dónde está mi paquete. Un humo oscuro subía, lo pongo todo en un bolso rojo.",
    "fr-FR": "Bonjour, je voudrais savoir où se trouve mon colis. Non, non, mon oncle a tout bonnement trop bu.",
    "de-DE": "Guten Tag, ich möchte wissen, wo mein Paket ist. Unsere Schuhe und Hunde ruhen nun in der Sonne.",
    "it-IT": "Buongiorno, vorrei sapere dove si trova il mio pacco. Una nuova luna luminosa, uno zulù nudo urlò.",
}
"""By voice. The second of each pair has many closed vowels, which are the purest sounds that a voice makes."""


@cache
def say(text: str, voice: str, pitch: float = 1.0) -> Samples:
    """Speak at 8 kHz, at half of full scale, without the silence at both ends. Do not write into the result."""
    wide = np.frombuffer(voices.pico(text, voice, pitch), "<i2") * 0.5
    low_pass = np.sinc(0.45 * (np.arange(63) - 31)) * np.kaiser(63, 6)
    narrow = np.rint(np.convolve(wide, low_pass / low_pass.sum(), "same")[::2]).clip(-32768, 32767).astype(np.int16)
    sounding = np.flatnonzero(np.abs(narrow.astype(np.int32)) > 500)
    return narrow[sounding[0] : sounding[-1] + 1]
