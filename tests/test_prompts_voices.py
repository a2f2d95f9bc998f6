"""Our own sentences when the provider ends a voice: the next one speaks, and what either has spoken is kept."""

from __future__ import annotations

import asyncio
from pathlib import Path

from prompted import ALL, BACK, BOTH, ENGLISH, LOST, everything
from scripted_voice import GONE, Script
from structlog.testing import capture_logs

from bmv.audio import mulaw
from bmv.call.speaker import SpeechFailed
from bmv.languages import IN_STREAM, PHRASES, Language
from bmv.speakers.prompt_files import PromptCache
from bmv.speakers.prompts import AT_ONCE, TONE, Prompts


async def test_the_next_voice_speaks_what_the_first_no_longer_can_and_that_is_said_once(tmp_path: Path) -> None:
    notices = [sentence for sentence in IN_STREAM if sentence not in PHRASES]
    texts = [language.sentences[each] for row in (notices, PHRASES) for language in BOTH for each in row]
    old, new = Script({texts[1]: [GONE]}, name="old"), Script(name="new")
    prompts = Prompts(BOTH, voices=[old, new], cache=PromptCache(tmp_path), ready={})
    with capture_logs() as logs:
        await prompts.render()
    assert old.asked == texts[:2]
    assert new.asked == texts[1:]
    assert [entry["event"] for entry in logs] == ["voice_gone", "prompts_rendered"]
    assert (logs[0]["log_level"], logs[0]["error"], logs[0]["instead"]) == ("warning", "no such model", "new")
    assert {TONE, b""}.isdisjoint(everything(prompts).values())


async def test_several_who_learn_at_once_that_a_voice_is_gone_pass_over_one_voice_only(tmp_path: Path) -> None:
    class Slow(Script):
        """A voice whose answers all come when the last of them was asked for."""

        async def speak(self, text: str, language: Language) -> bytes:
            self.asked.append(text)
            while len(self.asked) < AT_ONCE:
                await asyncio.sleep(0)
            raise GONE

    slow, new, never = Slow(name="slow"), Script(name="new"), Script(name="never")
    await Prompts(BOTH, voices=[slow, new, never], cache=PromptCache(tmp_path), ready={}).render()
    assert (len(slow.asked), len(new.asked), never.asked) == (AT_ONCE, ALL, [])
    slow, last = Slow(name="slow"), Script(name="last")
    with capture_logs() as logs:
        await Prompts(BOTH, voices=[slow, last], cache=PromptCache(tmp_path), ready={}).render()
    assert (len(slow.asked), len(last.asked)) == (AT_ONCE, ALL)
    assert [entry["event"] for entry in logs] == ["voice_gone", "prompts_rendered"]


async def test_after_a_restart_there_is_what_either_voice_has_spoken_and_neither_is_asked(tmp_path: Path) -> None:
    def voices_now() -> list[Script]:
        return [Script({ENGLISH.sentences[BACK]: [GONE]}, name="old"), Script(name="new")]

    first = await Prompts.load(BOTH, voices=voices_now(), own=None, cache=tmp_path)
    await first.render()
    kept = PromptCache(tmp_path)
    assert {kept.path((ENGLISH, LOST), "old").exists(), kept.path((ENGLISH, LOST), "new").exists()} == {True, False}
    assert {kept.path((ENGLISH, BACK), "old").exists(), kept.path((ENGLISH, BACK), "new").exists()} == {True, False}
    silent = [Script(always=SpeechFailed("down"), name="old"), Script(always=SpeechFailed("down"), name="new")]
    again = await Prompts.load(BOTH, voices=silent, own=None, cache=tmp_path)
    assert again.without_audio == []
    assert everything(again) == everything(first)
    kept.write((ENGLISH, BACK), "old", b"\x11" * mulaw.FRAME_BYTES)
    again = await Prompts.load(BOTH, voices=silent, own=None, cache=tmp_path)
    assert again.say(BACK, ENGLISH) == b"\x11" * mulaw.FRAME_BYTES  # the first voice is the one that was chosen


async def test_what_a_voice_still_says_when_others_have_heard_of_its_end_is_kept_under_its_name(tmp_path: Path) -> None:
    new = Script(name="new")

    class Parting(Script):
        """A voice whose first answer comes after its end was told."""

        async def speak(self, text: str, language: Language) -> bytes:
            while text == ENGLISH.sentences[LOST] and not new.asked:
                await asyncio.sleep(0)
            return await super().speak(text, language)

    parting = Parting({ENGLISH.sentences[BACK]: [GONE]}, name="old")
    cache = PromptCache(tmp_path)
    await Prompts(BOTH, voices=[parting, new], cache=cache, ready={}).render()
    assert cache.path((ENGLISH, LOST), "old").exists()
    assert not cache.path((ENGLISH, LOST), "new").exists()
    assert cache.path((ENGLISH, BACK), "new").exists()
