"""Recordings come back from disk as they went, and a file of another kind is refused with its name."""

import wave
from pathlib import Path

import numpy as np
import pytest

from bmv.audio import mulaw
from bmv.audio.wav import read_wav, write_wav

# 0x7F is a second zero, which comes back as the first.
SOUND = bytes(code for code in range(256) if code != 0x7F) * 10


def write_pcm(path: Path, pcm: bytes, *, rate: int = 8000, width: int = 2, channels: int = 1) -> None:
    with wave.open(str(path), "wb") as recording:
        recording.setnchannels(channels)
        recording.setsampwidth(width)
        recording.setframerate(rate)
        recording.writeframes(pcm)


def test_a_recording_comes_back_as_it_went(tmp_path: Path) -> None:
    write_wav(tmp_path / "heard.wav", SOUND)
    assert read_wav(tmp_path / "heard.wav") == SOUND


def test_an_empty_recording_comes_back_empty(tmp_path: Path) -> None:
    write_wav(tmp_path / "nothing.wav", b"")
    assert read_wav(tmp_path / "nothing.wav") == b""


def test_the_file_is_what_every_player_opens(tmp_path: Path) -> None:
    path = tmp_path / "heard.wav"
    write_wav(path, SOUND)
    with wave.open(str(path), "rb") as recording:
        assert recording.getparams()[:4] == (1, 2, 8000, len(SOUND))
        assert np.array_equal(np.frombuffer(recording.readframes(len(SOUND)), "<i2"), mulaw.decode(SOUND))


def test_a_shorter_recording_replaces_a_longer_one(tmp_path: Path) -> None:
    write_wav(tmp_path / "heard.wav", SOUND)
    write_wav(tmp_path / "heard.wav", SOUND[:100])
    assert read_wav(tmp_path / "heard.wav") == SOUND[:100]
    assert (tmp_path / "heard.wav").stat().st_size == 44 + 2 * 100


@pytest.mark.parametrize(
    ("rate", "width", "channels", "kind"),
    [(16000, 2, 1, "16000 Hz, 16 bits, 1"), (8000, 1, 1, "8000 Hz, 8 bits, 1"), (8000, 2, 2, "8000 Hz, 16 bits, 2")],
)
def test_another_kind_of_sound_is_refused_and_named(
    tmp_path: Path, rate: int, width: int, channels: int, kind: str
) -> None:
    path = tmp_path / "other.wav"
    write_pcm(path, bytes(64), rate=rate, width=width, channels=channels)
    with pytest.raises(ValueError, match=rf"other\.wav must be 8000 Hz, 16 bits, 1 channel.*{kind}"):
        read_wav(path)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"ID3 this is some music" * 10])
def test_a_file_that_is_no_wav_is_refused_and_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "music.mp3"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"music\.mp3 is not a WAV file of plain PCM: "):
        read_wav(path)


def test_a_file_that_was_cut_off_gives_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "cut.wav"
    write_wav(path, SOUND)
    path.write_bytes(path.read_bytes()[: 44 + 2 * 100 + 1])
    assert read_wav(path) == SOUND[:100]


def test_a_file_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_wav(tmp_path / "nowhere.wav")
