"""The composition of translators and notices: who is asked, with what, and what is said at the start."""

from __future__ import annotations

import asyncio
import io
import sys
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import structlog
from house import KEY, MARIA_NUMBER, House, Unhurried, environment, house, own_notices
from listening import heard_whole
from mirror import SPANISH, Mirror, MirrorTurns, translated
from packages import lay_out

from bmv import app, languages
from bmv.app import serving
from bmv.call.translator import LanguagePair
from bmv.config import Settings
from bmv.errors import SettingsError
from bmv.languages import Language
from bmv.metrics import Histogram
from bmv.simulator.openai import FakeOpenAI
from bmv.simulator.openai.speech import SpeechFault
from bmv.simulator.twilio import FakeTwilio, Party

GLOSSARY = """
[[term]]
en = "purchase order"
es = "orden de compra"
"""
PLUGIN = """
from bmv.translators.loopback import LoopbackFactory

def build(http, options):
    return LoopbackFactory(delay=float(options.environ["ECHO_DELAY"]))
"""
INTERPRETED = [language for language in languages.LANGUAGES.values() if not language.continuous_target]


def settings(openai: FakeOpenAI, **changes: str) -> Settings:
    """Of a server that nobody calls."""
    return Settings.load(environment(FakeTwilio(account_sid="AC" + "1" * 32, auth_token="t"), openai, changes))


@asynccontextmanager
async def talking(home: House) -> AsyncIterator[tuple[Party, Party]]:
    maria, call = await home.calls(from_=MARIA_NUMBER)
    alex, _ = await home.accepts()
    yield maria, alex
    await call.hang_up()
    await home.empty()


def recording(*, channels: int = 1, rate: int = 8000, seconds: float = 0.1) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(channels)
        wav.setsampwidth(2)
        wav.setframerate(rate)
        wav.writeframes(bytes(2 * channels * round(rate * seconds)))
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "No such file"),
        (b"", "not a WAV file"),
        (b"RIFF\x04\0\0\0JPEG", "not a WAV file"),
        (recording(channels=2), "1 channel"),
        (recording(rate=44_100), "44100 Hz"),
        (recording(seconds=0), "holds no sound"),
        (recording(seconds=610), "longer than ten minutes"),
    ],
    ids=["missing", "empty", "no WAV", "stereo", "44.1 kHz", "no sound", "too long"],
)
async def test_a_hold_audio_that_cannot_be_played_is_named_before_any_call(
    content: bytes | None, problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "hold.wav"
    if content is not None:
        path.write_bytes(content)
    async with FakeOpenAI(api_key=KEY) as openai:
        with pytest.raises(SettingsError) as caught:
            async with serving(settings(openai, HOLD_AUDIO=str(path))):
                raise AssertionError
    (said,) = caught.value.problems
    assert said.startswith("HOLD_AUDIO: ")
    assert problem in said


async def test_glossary_and_register_are_in_what_the_interpreter_is_told(tmp_path: Path) -> None:
    glossary = tmp_path / "glossary.toml"
    glossary.write_text(GLOSSARY)
    changes = {"TRANSLATOR": "openai-interpreter", "TRANSLATION_REGISTER": "informal", "GLOSSARY_FILE": str(glossary)}
    with structlog.testing.capture_logs() as log:
        async with house(turns=MirrorTurns, **changes) as home, talking(home):  # type: ignore[arg-type]
            await home.openai.until(lambda: len(home.openai.conversations) == 2)
            told = {session.language: session.settings["instructions"] for session in home.openai.conversations}
    assert "purchase order = orden de compra" in told["es"]
    assert "orden de compra = purchase order" in told["en"]
    assert all("informally" in text for text in told.values())
    assert not [line for line in log if line["event"].startswith("glossary")]


async def test_that_a_glossary_is_not_used_by_the_continuous_model_is_said_at_the_start(tmp_path: Path) -> None:
    glossary = tmp_path / "glossary.toml"
    glossary.write_text(GLOSSARY)
    async with FakeOpenAI() as openai:
        with structlog.testing.capture_logs() as log:
            async with serving(settings(openai, GLOSSARY_FILE=str(glossary))):
                pass
    assert [line["event"] for line in log].count("glossary_used_by_openai_interpreter_only") == 1


@pytest.mark.parametrize(
    ("name", "content"), [("GLOSSARY_FILE", "this is = = no TOML"), ("PROMPTS_DIR", None)], ids=["glossary", "prompts"]
)
async def test_files_that_cannot_be_used_are_wrong_settings(tmp_path: Path, name: str, content: str | None) -> None:
    place = tmp_path / "given"
    if content:
        place.write_text(content)
    async with FakeOpenAI() as openai:
        with pytest.raises(SettingsError) as refusal:
            async with serving(settings(openai, **{name: str(place)})):
                pass
    assert all(problem.startswith(name) for problem in refusal.value.problems)


async def test_a_translator_of_another_package_is_chosen_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "echo_of_others.py").write_text(PLUGIN)
    lay_out(tmp_path, "echo-of-others", points={"echo-of-others": "echo_of_others:build"})
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        async with house(TRANSLATOR="echo-of-others", ECHO_DELAY="0.3") as home:
            async with talking(home) as (maria, alex):
                maria.say(SPANISH)
                await maria.done_speaking(timeout=10)
                await alex.hears_quiet(1.0, timeout=10)
            assert home.openai.sessions == []
    finally:
        sys.modules.pop("echo_of_others", None)
    assert heard_whole(alex.heard, SPANISH)


@pytest.mark.parametrize("language", INTERPRETED, ids=lambda language: language.tag)
async def test_a_language_that_the_continuous_model_cannot_speak_is_left_to_the_interpreter(language: Language) -> None:
    async with FakeOpenAI(api_key=KEY) as openai, aiohttp.ClientSession() as http:
        (factory,) = app.translators(settings(openai, CAPTIONS="true"), http)
        english = languages.get("en")
        for pair in (LanguagePair(english, language), LanguagePair(language, english)):
            async with factory.open(pair, Histogram()):
                pass
        assert factory.can_speak(language)
        (only,) = app.translators(settings(openai, TRANSLATOR="loopback"), http)
        assert only.can_speak(language)
    assert [language.english in session.settings["instructions"] for session in openai.conversations] == [True]
    assert [session.settings.language for session in openai.sessions] == ["en"]


async def test_the_fallback_alone_is_ready_while_the_first_choice_is_refused() -> None:
    async with (
        house(brain=Mirror, TRANSLATOR_FALLBACK="loopback", OPENAI_API_KEY="wrong") as home,
        talking(home) as (maria, alex),
    ):
        maria.say(SPANISH)
        await maria.done_speaking(timeout=10)
        await alex.hears_quiet(1.0, timeout=10)
        async with aiohttp.ClientSession() as http, http.get(f"{home.base_url}/ready") as answer:
            assert answer.status == 200
    assert heard_whole(alex.heard, SPANISH)
    assert not heard_whole(alex.heard, translated(SPANISH))


async def test_notices_are_spoken_once_and_kept_for_the_next_start_when_openai_is_down(tmp_path: Path) -> None:
    changes = {"PROMPTS_DIR": "", "PROMPTS_CACHE_DIR": str(tmp_path)}
    everything = len(languages.IN_STREAM) * len(languages.LANGUAGES)
    async with FakeOpenAI(api_key=KEY) as openai:
        with structlog.testing.capture_logs() as log:
            async with serving(settings(openai, **changes), Unhurried()):
                while not any(line["event"] == "prompts_rendered" for line in log):
                    await asyncio.sleep(0.05)
        assert len(openai.speech.orders) == everything
        openai.speech.fail_next(SpeechFault(cut=True), times=everything)
        with structlog.testing.capture_logs() as log:
            async with serving(settings(openai, **changes), Unhurried()):
                await asyncio.sleep(0.2)
        assert len(openai.speech.orders) == everything
    assert not [line for line in log if line["log_level"] == "warning"]


async def test_own_recordings_need_no_provider_at_all() -> None:
    async with FakeOpenAI() as openai:
        async with serving(settings(openai, PROMPTS_DIR=str(own_notices()))):
            await asyncio.sleep(0.1)
        assert openai.speech.orders == []
