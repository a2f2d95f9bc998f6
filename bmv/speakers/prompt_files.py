"""Prompts on disk: the operator's own recordings, and what was rendered for us at an earlier start.

A rendered prompt is kept as a Sun/NeXT .au file, which holds G.711 mu-law as it is and which every player opens. The
field for notes in its header holds a hash, by which a file that is damaged or was made for something else is known.
"""

import contextlib
import struct
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeAlias

from bmv import languages
from bmv.audio import levels, mulaw, wav
from bmv.errors import SettingsError
from bmv.languages import IN_STREAM, Language, Sentence

Prompt: TypeAlias = tuple[Language, Sentence]
"""One sentence in one language."""

LONGEST_SECONDS: Final = 10
"""What an own recording may last: the conversation goes on underneath it."""

_LONGEST_BYTES = LONGEST_SECONDS * mulaw.SAMPLE_RATE
_LARGEST_WAV = 2 * _LONGEST_BYTES + 65536  # room for the notes that some programs write into a WAV file
_SENTENCES = {sentence.name.lower(): sentence for sentence in IN_STREAM}

_MAGIC = b".snd"
_MULAW = 1  # the number of this encoding in the .au format
_HEADER = struct.Struct(">4s5I72s")  # magic, size of the header, of the sound, encoding, rate, channels; notes


def read_own(directory: Path) -> dict[Prompt, bytes]:
    """Read every `TAG/SENTENCE.wav` of a folder as mu-law in whole frames, at the level it was recorded at.

    Files of other kinds are left alone. Raises `SettingsError`, which names each recording that cannot be used.
    """
    found: dict[Prompt, bytes] = {}
    problems: list[str] = []
    try:
        files = list(_recordings(directory))
    except OSError as error:
        raise SettingsError([f"PROMPTS_DIR cannot be read: {error}."]) from error
    for path in files:
        try:
            found[_meant(path.relative_to(directory))] = _read_recording(path)
        except (OSError, ValueError) as error:
            problems.append(f"PROMPTS_DIR: {error}.")
    if problems:
        raise SettingsError(problems)
    return found


def _recordings(directory: Path) -> Iterator[Path]:
    for path in sorted(directory.iterdir()):
        if path.is_dir():
            yield from _recordings(path)
        elif path.suffix.lower() == ".wav" and not path.name.startswith("."):
            yield path


def _meant(path: Path) -> Prompt:
    """Tell from its place which sentence of which language a recording is. ValueError if it is none."""
    language = languages.LANGUAGES.get(path.parent.name) if len(path.parts) == 2 else None
    sentence = _SENTENCES.get(path.stem)
    if language is None or sentence is None:
        tags, names = ", ".join(languages.LANGUAGES), ", ".join(_SENTENCES)
        raise ValueError(f"{path} is no TAG/SENTENCE.wav; TAG is one of {tags}; SENTENCE is one of {names}")
    return language, sentence


def _read_recording(path: Path) -> bytes:
    if path.stat().st_size > _LARGEST_WAV:
        raise ValueError(f"{path} is too large for {LONGEST_SECONDS} s of speech")
    recording = b"".join(mulaw.frames(wav.read_wav(path)))
    if len(recording) > _LONGEST_BYTES:
        raise ValueError(f"{path} lasts {len(recording) / mulaw.SAMPLE_RATE:.1f} s, more than {LONGEST_SECONDS} s")
    if levels.is_silent(recording):
        raise ValueError(f"{path} is silent")
    return recording


class PromptCache:
    """A folder of rendered prompts. Several processes may share it; whatever is deleted from it is made again."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path(self, prompt: Prompt, voice: str) -> Path:
        """Tell where a prompt is kept: the name is a hash of all that makes its sound, and what a person may read."""
        language, sentence = prompt
        return self._directory / f"{language.tag}-{sentence.name.lower()}-{_recipe(prompt, voice).hex()[:32]}.au"

    def read(self, prompt: Prompt, voice: str) -> bytes | None:
        """Give the mu-law of a prompt, None if there is none yet. OSError or ValueError for a file that is no use."""
        path = self.path(prompt, voice)
        try:
            with path.open("rb") as file:
                kept = file.read(_HEADER.size + _LONGEST_BYTES + 1)
        except FileNotFoundError:
            return None
        audio = kept[_HEADER.size :]
        if kept != _packed(prompt, voice, audio):
            raise ValueError(f"{path} is damaged or not ours")
        return audio

    def write(self, prompt: Prompt, voice: str, audio: bytes) -> None:
        """Keep a prompt of whole frames. Whoever reads meanwhile finds the old file or the new one. OSError."""
        self._directory.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self._directory, prefix=".", suffix=".partial", delete=False) as file:
            partial = Path(file.name)
            try:
                file.write(_packed(prompt, voice, audio))
                file.close()
                partial.replace(self.path(prompt, voice))
            except BaseException:
                with contextlib.suppress(OSError):
                    partial.unlink()
                raise


def _recipe(prompt: Prompt, voice: str) -> bytes:
    language, sentence = prompt
    return sha256("\0".join((voice, language.tag, language.sentences[sentence])).encode()).digest()


def _packed(prompt: Prompt, voice: str, audio: bytes) -> bytes:
    notes = sha256(_recipe(prompt, voice) + audio).hexdigest().encode()
    return _HEADER.pack(_MAGIC, _HEADER.size, len(audio), _MULAW, mulaw.SAMPLE_RATE, 1, notes) + audio
