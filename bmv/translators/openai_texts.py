"""The texts of a turn-based session: captions from pieces that come when they will, and which items still owe one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bmv.call.translator import Captioned, CaptionKind
from bmv.translators.recent import Recent

MOST_KEPT: Final = 8
"""Items whose text is waited for before they are deleted: a text that does not come for so many turns is not coming."""


class Texts:
    """Makes one running line of texts that come in pieces and end without a space."""

    def __init__(self, kind: CaptionKind) -> None:
        self._kind = kind
        self._seen = Recent()
        self._last: str | None = None

    def add(self, text_id: str, piece: str) -> Iterator[Captioned]:
        """Append a piece of the text of this id."""
        if piece:
            space = " " if self._last not in (None, text_id) else ""
            self._last = text_id
            self._seen.add(text_id)
            yield Captioned(self._kind, space + piece)

    def complete(self, text_id: str, text: str) -> Iterator[Captioned]:
        """Append the whole text, if nothing of it came in pieces."""
        if text_id not in self._seen:
            yield from self.add(text_id, text)


class Owed:
    """Holds back the deletion of items until their text has come: it is written beside the response, in its own time.

    Nobody says what becomes of the text of an item that is gone. To keep an item costs nothing, for no response hears
    more than the one it is given.
    """

    def __init__(self, *, transcribed: bool) -> None:
        """`transcribed` tells whether there will be texts at all."""
        self._transcribed = transcribed
        self._settled = Recent()
        self._kept: dict[str, None] = {}

    def arrived(self, item_id: str) -> list[str]:
        """The text of an item has come, or never will; gives the items to delete now."""
        self._settled.add(item_id)
        if item_id not in self._kept:
            return []
        del self._kept[item_id]
        return [item_id]

    def answered(self, item_id: str) -> list[str]:
        """An item is of no more use but for its text; gives the items to delete now."""
        if not self._transcribed or item_id in self._settled:
            return [item_id]
        self._kept[item_id] = None
        oldest = list(self._kept)[: max(len(self._kept) - MOST_KEPT, 0)]
        for each in oldest:
            del self._kept[each]
        return oldest
