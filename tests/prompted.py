"""Our own sentences for tests: rendered by an endpoint or a script, without waiting, and kept in a cache."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from speech_endpoint import Endpoint

from bmv import languages
from bmv.audio import wav
from bmv.call.speaker import Speaker, Voice
from bmv.languages import IN_STREAM, Sentence
from bmv.speakers.prompt_files import PromptCache
from bmv.speakers.prompts import TONE, Prompts

ENGLISH, SPANISH = languages.get("en"), languages.get("es")
BOTH = (ENGLISH, SPANISH)
LOST, BACK, WORDS, *_ = IN_STREAM
ALL = len(BOTH) * len(IN_STREAM)
NOTHING = {TONE, b""}
"""What is heard in place of a sentence without a sound."""


async def started(there: Endpoint, tmp_path: Path, *, own: Path | None = None, **voice: Any) -> Prompts:
    """A process that starts, with the cache of the one before."""
    return await Prompts.load(BOTH, voices=[there.voice(**voice)], own=own, cache=tmp_path / "a" / "cache")


def everything(speaker: Speaker) -> dict[tuple[str, Sentence], bytes]:
    return {(each.tag, sentence): speaker.say(sentence, each) for each in BOTH for sentence in IN_STREAM}


def warnings(logs: list[Any]) -> list[str]:
    return [entry["event"] for entry in logs if entry["log_level"] == "warning"]


def cached(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "a" / "cache").iterdir())


class Clock:
    """Waits that take no time and are written down; the one too many is told apart from an endless row."""

    def __init__(self, longest_row: int = 50) -> None:
        self.waits: list[float] = []
        self._longest_row = longest_row

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        if len(self.waits) == self._longest_row:
            raise TimeoutError("it would go on for ever")
        await asyncio.sleep(0)


def prompts_of(voice: Voice, tmp_path: Path, clock: Clock | None = None) -> Prompts:
    return Prompts(BOTH, voices=[voice], cache=PromptCache(tmp_path), ready={}, sleep=(clock or Clock()).sleep)


def record(path: Path, audio: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    wav.write_wav(path, audio)
