"""The conversation of a turn-based session: its items in order, which every further response would be billed for."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from bmv.audio import mulaw
from bmv.audio.mulaw import Samples

Content = Literal["input_audio", "input_text", "output_audio", "output_text"]


def new_id(kind: str) -> str:
    """Make an id as the service writes them: item_..., resp_..."""
    return f"{kind}_{secrets.token_hex(10)}"


@dataclass(eq=False, slots=True, kw_only=True)
class Item:
    """One message of the user, the assistant or the system."""

    id: str = field(default_factory=lambda: new_id("item"))
    role: Literal["user", "assistant", "system"]
    content: Content
    audio: Samples = field(default_factory=lambda: np.zeros(0, np.int16), repr=False)
    """8 kHz; empty if the content is text."""
    text: str = ""
    """The text, or the transcript of the audio."""
    status: Literal["completed", "incomplete", "in_progress"] = "completed"

    @property
    def seconds(self) -> float:
        """How long its audio is."""
        return len(self.audio) / mulaw.SAMPLE_RATE

    @property
    def is_audio(self) -> bool:
        """Whether it is sound rather than text."""
        return self.content.endswith("audio")

    def told(self, *, transcript: bool = True) -> dict[str, Any]:
        """Give the item as an event tells it: without its audio, and without content while it is in progress."""
        content: dict[str, Any] = {"type": self.content}
        if self.is_audio:
            content["transcript"] = self.text if transcript else None
        else:
            content["text"] = self.text
        return {
            "id": self.id,
            "object": "realtime.item",
            "type": "message",
            "status": self.status,
            "role": self.role,
            "content": [] if self.status == "in_progress" else [content],
        }


class Conversation:
    """The items that are alive, in order."""

    def __init__(self) -> None:
        self.id = new_id("conv")
        self._items: dict[str, Item] = {}

    def __iter__(self) -> Iterator[Item]:
        return iter(list(self._items.values()))

    def __len__(self) -> int:
        return len(self._items)

    @property
    def last_id(self) -> str | None:
        """The id of the last item, None if there is none."""
        return next(reversed(self._items), None)

    def get(self, item_id: str) -> Item | None:
        """Give the item with this id."""
        return self._items.get(item_id)

    def previous_id(self, item: Item) -> str | None:
        """Tell the id of the item before this one."""
        before = None
        for one in self._items.values():
            if one is item:
                return before
            before = one.id
        return None

    def add(self, item: Item, *, after: str | None = None) -> None:
        """Put an item at the end, behind the item `after`, or before all with "root". KeyError for an unknown one."""
        if after is not None and after != "root" and after not in self._items:
            raise KeyError(after)
        entries = list(self._items.items())
        ids = [item_id for item_id, _ in entries]
        place = len(entries) if after is None else 0 if after == "root" else ids.index(after) + 1
        entries.insert(place, (item.id, item))
        self._items = dict(entries)

    def delete(self, item_id: str) -> None:
        """Take an item out. KeyError if it is not there."""
        del self._items[item_id]
