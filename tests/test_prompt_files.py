"""Prompts on disk: what is kept is a sound file that knows what it is, and every wrong recording is named."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from prompted import BACK, SPANISH, WORDS, record

from bmv.audio import mulaw
from bmv.errors import SettingsError
from bmv.simulator import voices
from bmv.speakers.prompt_files import PromptCache, read_own
from bmv.speakers.prompts import TONE

# -- the cache --------------------------------------------------------------------------------------------------------


def test_a_kept_prompt_is_a_sound_file_that_every_player_opens(tmp_path: Path) -> None:
    cache = PromptCache(tmp_path / "new" / "folder")
    audio = voices.speak("La traducción funciona de nuevo.", "es")
    cache.write((SPANISH, BACK), "v", audio)
    cache.write((SPANISH, BACK), "v", audio)  # over the old one
    (path,) = (tmp_path / "new" / "folder").iterdir()
    assert path.name.startswith("es-translation_back-")
    assert path.suffix == ".au"
    content = path.read_bytes()
    magic, start, size, encoding, rate, channels = struct.unpack(">4s5I", content[:24])
    assert (magic, encoding, rate, channels) == (b".snd", 1, 8000, 1)
    assert start % 8 == 0
    assert content[start - 1] == 0  # the notes end with a zero
    assert content[start:] == audio
    assert size == len(audio)
    assert cache.read((SPANISH, BACK), "v") == audio
    assert cache.read((SPANISH, BACK), "w") is None


def test_a_write_that_fails_leaves_no_half_a_file(tmp_path: Path) -> None:
    cache = PromptCache(tmp_path)
    cache.path((SPANISH, BACK), "v").mkdir()
    (cache.path((SPANISH, BACK), "v") / "in the way").touch()
    with pytest.raises(IsADirectoryError):
        cache.write((SPANISH, BACK), "v", TONE)
    assert len(list(tmp_path.iterdir())) == 1


# -- the operator's own recordings ------------------------------------------------------------------------------------


def test_recordings_are_found_by_their_place_as_they_are_in_whole_frames(tmp_path: Path) -> None:
    record(tmp_path / "es" / "translation_back.wav", TONE[:-37])
    record(tmp_path / "zh" / "words_lost.WAV", TONE * 2)
    (tmp_path / "es" / "notes.txt").write_text("by Maria")
    (tmp_path / "es" / "._translation_lost.wav").write_text("what a Mac leaves behind")
    found = read_own(tmp_path)
    assert {(language.tag, sentence): len(audio) for (language, sentence), audio in found.items()} == {
        ("es", BACK): len(TONE),
        ("zh", WORDS): 2 * len(TONE),
    }
    assert found[SPANISH, BACK] == (TONE[:-37] + b"\xff" * 37).replace(b"\x7f", b"\xff")  # PCM knows one zero only


def test_every_wrong_recording_is_named_at_once(tmp_path: Path) -> None:
    own = tmp_path / "own"
    record(own / "es" / "translation_back.wav", TONE)
    record(own / "es" / "translation-lost.wav", TONE)
    record(own / "es" / "greeting.wav", TONE)
    record(own / "xx" / "translation_lost.wav", TONE)
    record(own / "translation_lost.wav", TONE)
    record(own / "es" / "old" / "translation_lost.wav", TONE)
    record(own / "en" / "words_lost.wav", mulaw.SILENCE * 50)
    record(own / "de" / "words_lost.wav", TONE * 30)
    record(own / "fr" / "words_lost.wav", TONE * 200)
    record(own / "it" / "words_lost.wav", b"")
    (own / "it" / "translation_back.wav").write_bytes(b"ID3 and so on")
    content = (own / "es" / "translation_back.wav").read_bytes()
    (own / "it" / "translation_lost.wav").write_bytes(
        content.replace(struct.pack("<I", 8000), struct.pack("<I", 44100))
    )
    (own / "ja").mkdir()
    (own / "ja" / "words_lost.wav").symlink_to(own / "nowhere")
    with pytest.raises(SettingsError) as caught:
        read_own(own)
    problems = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 12, problems
    assert all(problem.startswith("PROMPTS_DIR: ") for problem in caught.value.problems)
    for wrong in (
        "es/translation-lost.wav",
        "es/greeting.wav",
        "xx/translation_lost.wav",
        "es/old/translation_lost.wav",
    ):
        assert wrong in problems
    for why in ("is silent", "lasts 12.0 s", "is too large", "not a WAV file", "44100 Hz", "No such file"):
        assert why in problems, why


@pytest.mark.parametrize("what", ["missing", "a file"])
def test_a_folder_that_is_none_is_a_wrong_setting(tmp_path: Path, what: str) -> None:
    own = tmp_path / "own"
    if what == "a file":
        own.touch()
    with pytest.raises(SettingsError, match=r"PROMPTS_DIR cannot be read: .*own"):
        read_own(own)
