"""What is said on the turn-based socket, as JSON: a client's events, checked, and how the events of the server look.

Sources: the types of OpenAI's Python package 3.54 (`types/realtime/realtime_client_event.py`,
`realtime_server_event.py`) for the shapes.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

from bmv.simulator.openai.checks import (
    Check,
    Shape,
    array,
    base64_text,
    not_simulated,
    one_of,
    read,
    record,
    refuse_unless,
    text,
    variants,
    whole,
)
from bmv.simulator.openai.events import EventWriter
from bmv.simulator.openai.items import Conversation, Item
from bmv.simulator.openai.realtime_settings import OUTPUT_FIELDS, RESPONSE_FIELDS, SESSION

_MOST_PAIRS = 16
_LONGEST_KEY = 64
_LONGEST_VALUE = 512
_LONGEST_MS = 24 * 3600 * 1000


def _metadata(value: object, path: str) -> None:
    pairs = value if isinstance(value, dict) else {}
    record(dict.fromkeys(pairs, text))(value, path)
    refuse_unless(len(pairs) <= _MOST_PAIRS, path, f"expected at most {_MOST_PAIRS} pairs")
    for key, inner in pairs.items():
        refuse_unless(len(key) <= _LONGEST_KEY and len(inner) <= _LONGEST_VALUE, f"{path}.{key}", "it is too long")


_NO_MESSAGE: Final = (
    "function_call",
    "function_call_output",
    "mcp_list_tools",
    "mcp_call",
    "mcp_approval_request",
    "mcp_approval_response",
)


def _message(content: Mapping[str, Check]) -> Check:
    shape = {"type": text, "id": text, "object": one_of("realtime.item"), "role": text}
    shape |= {"status": one_of("completed", "incomplete", "in_progress"), "content": array(variants("type", content))}
    return record(shape, required=("content",))


_INPUT_TEXT = record({"type": text, "text": text}, required=("text",))
_ITEM = variants(
    "type",
    {
        "message": variants(
            "role",
            {
                "user": _message(
                    {"input_text": _INPUT_TEXT, "input_audio": not_simulated, "input_image": not_simulated}
                ),
                "system": _message({"input_text": _INPUT_TEXT}),
                "assistant": _message({"output_text": record({"type": text, "text": text}, required=("text",))}),
            },
        ),
        **dict.fromkeys(_NO_MESSAGE, not_simulated),
    },
)
_REFERENCE = record({"type": text, "id": text}, required=("id",))
_RESPONSE = record(
    {
        **RESPONSE_FIELDS,
        "audio": record({"output": record(OUTPUT_FIELDS)}),
        "conversation": one_of("auto", "none"),
        "input": array(
            variants(
                "type",
                {"item_reference": _REFERENCE, "message": _ITEM, **dict.fromkeys(_NO_MESSAGE, not_simulated)},
            )
        ),
        "metadata": _metadata,
    }
)

_EVENTS: Final[Mapping[str, tuple[Shape, Collection[str]]]] = {
    "session.update": ({"session": SESSION}, ("session",)),
    "input_audio_buffer.append": ({"audio": base64_text}, ("audio",)),
    "input_audio_buffer.commit": ({}, ()),
    "input_audio_buffer.clear": ({}, ()),
    "conversation.item.create": ({"item": _ITEM, "previous_item_id": text}, ("item",)),
    "conversation.item.retrieve": ({"item_id": text}, ("item_id",)),
    "conversation.item.delete": ({"item_id": text}, ("item_id",)),
    "conversation.item.truncate": (
        {"item_id": text, "content_index": whole(0, 0), "audio_end_ms": whole(0, _LONGEST_MS)},
        ("item_id", "content_index", "audio_end_ms"),
    ),
    "response.create": ({"response": _RESPONSE}, ()),
    "response.cancel": ({"response_id": text}, ()),
}


def decode(message: str | bytes) -> dict[str, Any]:
    """Read and check one event of a client. RefusedEvent says what is wrong with it, and with which field."""
    return read(message, _EVENTS)


def item_of(body: Mapping[str, Any]) -> Item:
    """Make the item that a client writes out in full."""
    words = " ".join(part["text"] for part in body["content"])
    kind = "output_text" if body["role"] == "assistant" else "input_text"
    item = Item(role=body["role"], content=kind, text=words)  # type: ignore[arg-type]  # the check saw the role
    item.id = body.get("id", item.id)
    return item


class RealtimeEvents(EventWriter):
    """Writes the events of one turn-based session that concern the session, its input and its items."""

    def __init__(self, *, session_id: str, expires_at: int) -> None:
        super().__init__()
        self._identity = {"object": "realtime.session", "id": session_id, "expires_at": expires_at}

    def created(self, settings: Mapping[str, Any]) -> str:
        """`session.created`, the first event of all."""
        return self.event("session.created", session={**self._identity, **settings})

    def updated(self, settings: Mapping[str, Any]) -> str:
        """`session.updated`, with the whole effective configuration."""
        return self.event("session.updated", session={**self._identity, **settings})

    def conversation_created(self, conversation: Conversation) -> str:
        """`conversation.created`, right after the session."""
        return self.event(
            "conversation.created", conversation={"id": conversation.id, "object": "realtime.conversation"}
        )

    def item(self, what: str, item: Item, previous: str | None) -> str:
        """`conversation.item.added` or `.done`. A transcript of audio comes later, in events of its own."""
        told = item.told(transcript=item.role == "assistant")
        return self.event(f"conversation.item.{what}", previous_item_id=previous, item=told)

    def transcribed(self, item: Item) -> list[str]:
        """`conversation.item.input_audio_transcription.delta` for each word, and `.completed` with what it cost."""
        kind, where = "conversation.item.input_audio_transcription", {"item_id": item.id, "content_index": 0}
        words = item.text.split()
        deltas = [
            self.event(f"{kind}.delta", delta=word if not n else f" {word}", **where) for n, word in enumerate(words)
        ]
        usage = {"type": "duration", "seconds": item.seconds}
        return [*deltas, self.event(f"{kind}.completed", transcript=item.text, usage=usage, **where)]
