"""Our own sentences, ready to be spoken when every provider is down: recordings, the cache, a voice, or a tone."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Final, Self

import numpy as np
import structlog

from bmv.audio import mulaw
from bmv.call.speaker import SpeechFailed, Voice, VoiceGone
from bmv.languages import IN_STREAM, PHRASES, Language, Sentence
from bmv.speakers.prompt_files import Prompt, PromptCache, read_own

AT_ONCE: Final = 3
"""Prompts that are asked for at the same time."""
FIRST_WAIT_SECONDS: Final = 60.0
LONGEST_WAIT_SECONDS: Final = 3600.0
"""After a failure what is missing is tried again, at first after a minute, each time after twice as long."""

_TONE_LEVEL_DB = -26.0
_TONE = ((660, 0.16), (0, 0.06), (520, 0.18))  # Hz and seconds
_FADE_SECONDS = 0.02

_COURTESIES = frozenset({Sentence.HOLD, *PHRASES})
"""What tells nobody anything that he has to know: beeps in its place would be worse than nothing."""

log = structlog.get_logger()


def _tone() -> bytes:
    """Make the tone that stands for a sentence without a voice: two soft beeps, the second lower; 0.4 s."""
    amplitude = 32767 * 10 ** (_TONE_LEVEL_DB / 20)
    beeps = []
    for hertz, seconds in _TONE:
        time = np.arange(round(seconds * mulaw.SAMPLE_RATE)) / mulaw.SAMPLE_RATE
        fade = np.minimum(1.0, np.minimum(time, seconds - time) / _FADE_SECONDS)
        beeps.append(amplitude * fade * np.sin(2 * np.pi * hertz * time))
    return mulaw.encode(np.rint(np.concatenate(beeps)).astype(np.int16))


TONE: Final = _tone()


class Prompts:
    """The `Speaker` of the process. Run `render` beside the service; `say` answers at once, whatever comes of it."""

    def __init__(
        self,
        languages: Iterable[Language],
        *,
        voices: Sequence[Voice],
        cache: PromptCache,
        ready: Mapping[Prompt, bytes],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`ready` is what is there already; what `languages` lack of it is rendered. `load` does all this from disk.

        The first of the `voices` speaks, and once the provider has it no more, the next.
        """
        self._voices = deque(voices)
        self._cache = cache
        self._cache_works = True
        self._sleep = sleep
        self._ready = dict(ready)
        self._missing = deque(prompt for prompt in _prompts(languages) if prompt not in self._ready)

    @classmethod
    async def load(
        cls, languages: Iterable[Language], *, voices: Sequence[Voice], own: Path | None, cache: Path
    ) -> Self:
        """Read what is on disk: `own` recordings of any language, and of `languages` what the cache has of any voice.

        Raises `SettingsError` for recordings that cannot be used. A cache that cannot be read is an empty one.
        """
        wanted = tuple(languages)
        kept = PromptCache(cache)
        ready = await asyncio.to_thread(_read, wanted, [voice.name for voice in voices], own, kept)
        return cls(wanted, voices=voices, cache=kept, ready=ready)

    def say(self, sentence: Sentence, language: Language) -> bytes:
        """Give the sentence; if there is no sound for it yet the tone, for a courtesy nothing. See `Speaker.say`."""
        return self._ready.get((language, sentence), b"" if sentence in _COURTESIES else TONE)

    @property
    def without_audio(self) -> list[str]:
        """Tags of the languages in which something would not be spoken now."""
        return sorted({language.tag for language, _ in self._missing})

    async def render(self) -> None:
        """Have the missing prompts spoken, a few at once, until none is missing or the provider refuses for good.

        Says which languages have no audio and why, once, and once more if it gives up later; and when all is there.
        Cancelling it loses nothing.
        """
        wanted, wait, warned = len(self._missing), FIRST_WAIT_SECONDS, False
        while self._missing:
            failure = await self._render_missing()
            if failure is None:
                continue
            if not warned or failure.permanent:
                log.warning(
                    "prompts_missing",
                    languages=self.without_audio,
                    error=str(failure),
                    retry="at the next start" if failure.permanent else f"in {_wait(wait, failure):g} s",
                )
                warned = True
            if failure.permanent:
                return
            await self._sleep(_wait(wait, failure))
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)
        if wanted:
            log.info("prompts_rendered", prompts=wanted)

    async def _render_missing(self) -> SpeechFailed | None:
        """Try each missing prompt once, and give the failure that counts, if any.

        The provider is left alone after as many failures as requests run at once. What failed comes last next time, so
        that one impossible sentence does not keep the others from being spoken.
        """
        tries = deque(self._missing)
        failures: list[SpeechFailed] = []

        async def work() -> None:
            while tries and len(failures) < AT_ONCE:
                prompt = tries.popleft()
                try:
                    await self._render_one(prompt)
                except SpeechFailed as failure:
                    failures.append(failure)
                    self._missing.remove(prompt)
                    self._missing.append(prompt)
                    if failure.permanent:
                        tries.clear()

        async with asyncio.TaskGroup() as workers:
            for _ in range(AT_ONCE):
                workers.create_task(work())
        return next((failure for failure in failures if failure.permanent), failures[0] if failures else None)

    async def _render_one(self, prompt: Prompt) -> None:
        language, sentence = prompt
        voice, audio = await self._speak(language.sentences[sentence], language)
        self._ready[prompt] = audio
        self._missing.remove(prompt)
        try:
            await asyncio.to_thread(self._cache.write, prompt, voice.name, audio)
        except OSError as error:
            if self._cache_works:
                log.warning("prompts_not_kept", error=str(error))
            self._cache_works = False

    async def _speak(self, text: str, language: Language) -> tuple[Voice, bytes]:
        """Have it spoken, and tell by whom: the first voice that the provider still has. Raises `SpeechFailed`."""
        while True:
            voice = self._voices[0]
            try:
                return voice, await voice.speak(text, language)
            except VoiceGone as gone:
                if voice is not self._voices[0]:
                    continue  # another request has learned it before
                if len(self._voices) == 1:
                    raise
                self._voices.popleft()
                log.warning("voice_gone", error=str(gone), instead=self._voices[0].model)


def _prompts(languages: Iterable[Language]) -> list[Prompt]:
    """Everything that is said inside a stream in these languages, each once; last what agents may choose to say."""
    each = list(dict.fromkeys(languages))
    notices = [sentence for sentence in IN_STREAM if sentence not in PHRASES]
    return [*product(each, notices), *product(each, PHRASES)]


def _wait(seconds: float, failure: SpeechFailed) -> float:
    return max(seconds, min(failure.retry_after or 0, LONGEST_WAIT_SECONDS))


def _read(
    languages: tuple[Language, ...], voices: Sequence[str], own: Path | None, cache: PromptCache
) -> dict[Prompt, bytes]:
    """Read all that is on disk; the operator's own recordings come before the cache, and in it the first voice."""
    ready: dict[Prompt, bytes] = {}
    problems = []
    for prompt, voice in product(_prompts(languages), reversed(voices)):
        try:
            if audio := cache.read(prompt, voice):
                ready[prompt] = audio
        except (OSError, ValueError) as error:
            problems.append(str(error))
    if problems:
        log.warning("prompts_unreadable", files=len(problems), error=problems[0])
    return ready | (read_own(own) if own else {})
