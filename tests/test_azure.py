"""Azure OpenAI as a setting: whole calls with it over real sockets, and what is said when it refuses."""

from __future__ import annotations

import aiohttp
import pytest
import structlog
from house import House, house
from listening import heard_whole
from mirror import ENGLISH, SPANISH, Mirror, MirrorTurns, translated

from bmv import app
from bmv.call.speaker import Voice
from bmv.config import Settings

DEPLOYMENTS = {
    "our-translator": "gpt-realtime-translate",
    "our-interpreter": "gpt-realtime-2.1",
    "our-whisper": "gpt-realtime-whisper",
    "our-transcriber": "gpt-transcribe",
    "our-voice": "gpt-4o-mini-tts",
}
NAMES = {
    "OPENAI_API_TYPE": "azure",
    "OPENAI_TRANSLATE_MODEL": "our-translator",
    "OPENAI_REALTIME_MODEL": "our-interpreter",
    "OPENAI_SPEECH_MODEL": "our-voice",
}
TRANSCRIBERS = {"openai": "our-whisper", "openai-interpreter": "our-transcriber"}


async def said(home: House, *, answer: bool = True) -> tuple[bytes, bytes]:
    """Maria tells Alex a sentence, and he may answer with one: what Alex and what Maria heard."""
    maria, call = await home.calls()
    alex, _ = await home.accepts()
    for speaker, sentence, listener in ((maria, SPANISH, alex), (alex, ENGLISH, maria))[: 1 + answer]:
        speaker.say(sentence)
        await listener.hears_speech(timeout=10)
        await speaker.done_speaking(timeout=10)
        await listener.hears_quiet(1.0, timeout=10)
    await call.hang_up()
    await home.empty()
    return alex.heard, maria.heard


@pytest.mark.parametrize("translator", TRANSCRIBERS)
async def test_a_whole_call_is_translated_by_deployments_and_has_no_price(translator: str) -> None:
    changes = {**NAMES, "TRANSLATOR": translator, "OPENAI_TRANSCRIPTION_MODEL": TRANSCRIBERS[translator]}
    with structlog.testing.capture_logs() as log:
        async with house(azure=DEPLOYMENTS, brain=Mirror, turns=MirrorTurns, settings=changes) as home:
            to_alex, to_maria = await said(home)
            sessions = [*home.openai.sessions, *home.openai.conversations]
    assert heard_whole(to_alex, translated(SPANISH))
    assert heard_whole(to_maria, translated(ENGLISH))
    assert len(sessions) == 2
    assert {session.model for session in sessions} == {
        "gpt-realtime-translate" if translator == "openai" else "gpt-realtime-2.1"
    }
    assert not any("authorization" in session.headers for session in sessions)
    (ended,) = (line for line in log if line["event"] == "call_ended")
    assert "'usd': None" in str(ended)
    assert "'usd': 0" not in str(ended)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"OPENAI_API_KEY": "wrong"}, "HTTP 401: the key is wrong"),
        ({"OPENAI_TRANSLATE_MODEL": "our-interpreter"}, "HTTP 400 (OpperationNotSupported)"),
        ({"OPENAI_TRANSCRIPTION_MODEL": ""}, "refused the configuration (invalid_value)"),
    ],
)
async def test_what_azure_refuses_is_said_and_the_call_goes_on_with_the_fallback(
    changes: dict[str, str], words: str
) -> None:
    wanted = {**NAMES, "OPENAI_TRANSCRIPTION_MODEL": "our-whisper", "TRANSLATOR_FALLBACK": "loopback", **changes}
    with structlog.testing.capture_logs() as log:
        async with house(azure=DEPLOYMENTS, settings=wanted) as home:
            to_alex, _ = await said(home, answer=False)
    assert heard_whole(to_alex, SPANISH)
    assert any(words in str(line) for line in log)
    assert "sk-of-the-tests" not in str(log)


def voices(http: aiohttp.ClientSession, **changes: str) -> list[Voice]:
    names = {
        "PUBLIC_HOST": "voice.example.com",
        "TWILIO_ACCOUNT_SID": "AC" + "1" * 32,
        "TWILIO_AUTH_TOKEN": "t",
        "TWILIO_CALLER_NUMBER": "+14155550100",
        "AGENT_DESTINATION": "client:alex",
        "OPENAI_API_KEY": "k",
    }
    return app._voices(Settings.load(names | changes), http)


async def test_names_tell_who_speaks_our_sentences() -> None:
    azure = {"OPENAI_API_TYPE": "azure", "OPENAI_BASE_URL": "https://acme.openai.azure.com/openai/v1"}
    async with aiohttp.ClientSession() as http:
        for changes, models in (
            ({}, ["gpt-4o-mini-tts", "gpt-realtime-2.1-mini"]),
            ({"OPENAI_SPEECH_MODEL": "gpt-realtime-2.1"}, ["gpt-realtime-2.1"]),
            (azure, ["gpt-4o-mini-tts", "gpt-realtime-2.1"]),
            (azure | NAMES, ["our-voice", "our-interpreter"]),
            (azure | NAMES | {"OPENAI_SPEECH_MODEL": "our-interpreter"}, ["our-interpreter"]),
        ):
            assert [voice.model for voice in voices(http, **changes)] == models
        assert "/openai/v1/audio/speech?api-version=preview " in voices(http, **azure)[0].name
        assert "https://api.openai.com/v1/audio/speech " in voices(http)[0].name
