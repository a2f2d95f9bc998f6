"""The voices of the simulated parties."""

import sys
import threading

import numpy as np
import pytest
from loud import peak

from bmv.audio import levels, mulaw
from bmv.errors import BmvError
from bmv.simulator import voices

GREETINGS = {
    "es": "Buenos días, ¿en qué puedo ayudarle?",
    "en": "Good morning, how can I help you?",
    "fr": "Bonjour, comment puis-je vous aider ?",
    "de": "Guten Morgen, wie kann ich Ihnen helfen?",
    "it": "Buongiorno, come posso aiutarla?",
}


@pytest.mark.parametrize("language", voices.LANGUAGES)
def test_each_language_is_spoken_in_whole_frames_at_half_of_full_scale(language: str) -> None:
    ulaw = voices.speak(GREETINGS[language], language)
    assert len(ulaw) % mulaw.FRAME_BYTES == 0
    assert 1.2 < len(ulaw) / mulaw.SAMPLE_RATE < 4
    assert 10000 < peak(ulaw) < 20000


def test_only_a_breath_of_the_silence_at_the_end_is_kept() -> None:
    ulaw = voices.speak(GREETINGS["en"], "en")
    frames = list(mulaw.frames(ulaw))
    silent = [levels.is_silent(frame) for frame in frames]
    assert not all(silent[-9:]), "longer than 160 ms"
    assert all(silent[-4:]), "shorter than 80 ms"


def test_nothing_above_the_telephone_band_folds_back_into_it() -> None:
    """The hissing of an x or an s reaches far above 4 kHz; without a filter it would come out mirrored just below."""
    sound = mulaw.decode(voices.speak("Sixty-six ships.", "en")).astype(np.float64)
    power = np.abs(np.fft.rfft(sound)) ** 2
    edge = power[len(power) * 38 // 40 :].sum() / power.sum()
    assert edge < 10**-4.5, "unfiltered it is -35 dB, filtered it is the noise of mu-law"


def test_a_sentence_is_spoken_once_even_if_two_threads_ask_for_it() -> None:
    spoken: list[bytes] = []
    threads = [threading.Thread(target=lambda: spoken.append(voices.speak("Once, only once.", "en"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {id(ulaw) for ulaw in spoken} == {id(voices.speak("Once, only once.", "en"))}


@pytest.mark.parametrize("text", ["", "   ", "la " * 101])
def test_too_little_or_too_much_to_say_is_an_error(text: str) -> None:
    with pytest.raises(BmvError, match="1 to 300 characters"):
        voices.speak(text, "es")


def test_what_a_voice_cannot_read_is_an_error() -> None:
    with pytest.raises(BmvError, match="nothing to say"):
        voices.speak("你好", "en")


@pytest.mark.parametrize("language", ["zh", "es-ES", ""])
def test_a_language_without_a_voice_is_an_error_that_names_the_others(language: str) -> None:
    with pytest.raises(BmvError, match="only es, en, fr, de, it"):
        voices.speak("Hello.", language)


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "py_nanotts", None)
    with pytest.raises(BmvError, match=r'pip install "\.\[demo\]"'):
        voices.speak("This was never said before.", "en")
