"""What a reading is ordered with, held against OpenAI's own types, and when two texts say the same."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from openai.types.realtime import (
    RealtimeServerEvent,
    ResponseAudioDeltaEvent,
    ResponseAudioTranscriptDoneEvent,
)
from openai.types.realtime.realtime_conversation_item_user_message_param import (
    Content,
    RealtimeConversationItemUserMessageParam,
)
from openai.types.realtime.realtime_response_create_params_param import RealtimeResponseCreateParamsParam
from openai_types import strangers
from pydantic import TypeAdapter
from realtime_server import CLIENT_EVENT

from bmv import languages
from bmv.errors import ProtocolError
from bmv.languages import IN_STREAM
from bmv.simulator.openai import realtime_settings, realtime_wire
from bmv.translators import openai_reader_wire as wire
from bmv.translators.openai_realtime_wire import AudioDelta

PARAMS: TypeAdapter[Any] = TypeAdapter(RealtimeResponseCreateParamsParam)
MESSAGE: TypeAdapter[Any] = TypeAdapter(RealtimeConversationItemUserMessageParam)
SERVER_EVENT: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
SPANISH = languages.get("es")
TEXT = "La traducción funciona de nuevo."
PLACE: dict[str, Any] = {
    "event_id": "e",
    "response_id": "r",
    "item_id": "i",
    "output_index": 0,
    "content_index": 0,
}


def order(model: str = "gpt-realtime-2.1-mini") -> dict[str, Any]:
    read: dict[str, Any] = json.loads(wire.encode_order(TEXT, SPANISH, model=model, voice="cedar"))
    return read


@pytest.mark.parametrize("model", realtime_settings.MODELS)
def test_an_order_has_nothing_in_it_that_the_package_does_not_know(model: str) -> None:
    event = order(model)
    known = CLIENT_EVENT.validate_json(json.dumps(event))
    assert known.type == "response.create"
    assert list(strangers(known)) == []
    response = event["response"]
    assert set(response) <= set(RealtimeResponseCreateParamsParam.__annotations__)
    PARAMS.validate_python(response)
    (message,) = response["input"]
    assert set(message) <= set(RealtimeConversationItemUserMessageParam.__annotations__)
    assert all(set(part) <= set(Content.__annotations__) for part in message["content"])
    assert MESSAGE.validate_json(json.dumps(message))["role"] == "user"
    assert realtime_wire.decode(json.dumps(event)) == event  # the simulated service takes it, too
    assert ("reasoning" in response) == (model in realtime_settings.REASONING_MODELS)


def test_an_order_asks_for_the_sentence_alone_in_its_language_and_outside_any_conversation() -> None:
    response = order()["response"]
    assert response["conversation"] == "none"
    assert [part["text"] for item in response["input"] for part in item["content"]] == [TEXT]
    assert "in Spanish, word for word" in response["instructions"]
    assert TEXT not in response["instructions"]
    assert response["audio"]["output"] == {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "cedar"}
    assert response["output_modalities"] == ["audio"]


def test_what_the_service_says_is_understood() -> None:
    spoken = ResponseAudioDeltaEvent(
        type="response.output_audio.delta", delta=base64.b64encode(b"\x01\x02").decode(), **PLACE
    )
    written = ResponseAudioTranscriptDoneEvent(
        type="response.output_audio_transcript.done", transcript="Bien.", **PLACE
    )
    assert wire.decode(spoken.to_json().encode()) == AudioDelta("r", b"\x01\x02")
    assert wire.decode(written.to_json().encode()) == wire.TranscriptDone("Bien.")
    assert wire.decode(b'{"type": "rate_limits.updated", "rate_limits": []}') is None
    with pytest.raises(ProtocolError, match="OpenAI"):
        wire.decode(b'{"type": "response.output_audio_transcript.done"}')


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("la traducción, funciona  DE nuevo", TEXT),
        ("La traduccio\u0301n funciona de nuevo!", TEXT),
        ("DIE STRASSE", "die Straße"),
        ("翻译已恢复", "翻译已恢复。"),
    ],
)
def test_punctuation_spaces_and_capital_letters_make_no_difference(said: str, written: str) -> None:
    assert wire.same_words(said, written)


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("", TEXT),
        (f"¡Claro! {TEXT}", TEXT),
        ("La traducción funciona.", TEXT),
        ("La traduccion funciona de nuevo.", TEXT),
        ("The translation is working again.", TEXT),
        ("कुछ शब्द छूट गए", "कुछ शब्द छूट गई"),  # they differ in a vowel, which is no letter of its own
        ("Platz 3", "Platz 4"),
    ],
)
def test_every_other_difference_is_one(said: str, written: str) -> None:
    assert not wire.same_words(said, written)


def test_no_two_of_our_sentences_say_the_same() -> None:
    texts = [language.sentences[each] for language in languages.LANGUAGES.values() for each in IN_STREAM]
    assert all(wire.same_words(one, other) == (one is other) for one in texts for other in texts)
