"""The demo's conversation: who speaks which language, and that each line can be told from the rest by its sound."""

from __future__ import annotations

import numpy as np
import pytest

from bmv.audio import mulaw
from bmv.audio.compare import align
from bmv.simulator import voices
from bmv.simulator.conversation import DEMO, Line, Role, Script

LINES = pytest.mark.parametrize("line", DEMO.lines, ids=lambda line: line.sentence)
ALIKE = 0.5  # two sounds are one sentence from 0.75 on (see `phrasebook`); strangers stay below 0.4

HOLA = Line("caller", "Hola.", "es", "Hello.", "en")
BONJOUR = Line("caller", "Bonjour.", "fr", "Hello.", "en")
HELLO = Line("agent", "Hello.", "en", "Hola.", "es")


@pytest.mark.parametrize(("role", "language", "into"), [("caller", "es", "en"), ("agent", "en", "es")])
def test_each_party_speaks_its_own_language_and_is_heard_in_the_others(role: Role, language: str, into: str) -> None:
    assert DEMO.language(role) == language
    assert {line.into for line in DEMO.of(role)} == {into}


def test_the_lines_of_one_party_keep_their_order() -> None:
    assert Script((HOLA, HELLO, BONJOUR)).of("caller") == (HOLA, BONJOUR)
    assert Script((HOLA, HELLO, BONJOUR)).of("agent") == (HELLO,)
    assert {line.role for line in DEMO.lines} == {"caller", "agent"}


@pytest.mark.parametrize("lines", [(HOLA, BONJOUR, HELLO), (HELLO,), ()], ids=["mixed", "silent", "empty"])
def test_a_party_that_speaks_no_one_language_has_none(lines: tuple[Line, ...]) -> None:
    with pytest.raises(ValueError, match="unpack"):
        Script(lines).language("caller")


def test_the_phrasebook_holds_every_line() -> None:
    phrasebook = DEMO.phrasebook()
    for line in DEMO.lines:
        match = phrasebook.recognise(mulaw.decode(line.audio()), line.into)
        assert match is not None, line.sentence
        entry = match.entry
        assert (entry.sentence, entry.language) == (line.sentence, line.language)
        assert (entry.translation, entry.into) == (line.translation, line.into)


def test_a_rehearsal_speaks_every_sentence_and_every_translation(monkeypatch: pytest.MonkeyPatch) -> None:
    spoken = set()

    def speak(text: str, language: str) -> bytes:
        spoken.add((text, language))
        return mulaw.SILENCE

    monkeypatch.setattr(voices, "speak", speak)
    DEMO.rehearse()
    assert spoken == {(line.sentence, line.language) for line in DEMO.lines} | {
        (line.translation, line.into) for line in DEMO.lines
    }


@LINES
def test_a_sentence_and_its_translation_differ_in_language_and_sound(line: Line) -> None:
    assert line.language != line.into
    assert line.sentence != line.translation
    sentence, translated = mulaw.decode(line.audio()), mulaw.decode(line.translated_audio())
    assert align(sentence, sentence).score > 0.99
    assert align(translated, sentence).score < ALIKE


def test_no_two_lines_sound_alike() -> None:
    sounds = [mulaw.decode(sound) for line in DEMO.lines for sound in (line.audio(), line.translated_audio())]
    for number, one in enumerate(sounds):
        assert np.abs(one).max() > 1000
        for other in sounds[:number]:
            assert align(one, other).score < ALIKE
