"""Names that were met lately: what a provider may send without end is to be remembered for a while only."""

from __future__ import annotations

from typing import Final

MOST: Final = 200
"""Ten minutes of quick talk have fewer turns, and nothing comes later than that."""


class Recent:
    """A set of the names that were added last; the oldest are forgotten."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._names: dict[str | None, None] = {}

    def __contains__(self, name: str | None) -> bool:
        return name in self._names

    def __bool__(self) -> bool:
        return bool(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def add(self, name: str | None) -> None:
        """Remember it; one that is known already stays where it was."""
        self._names[name] = None
        if len(self._names) > self._most:
            del self._names[next(iter(self._names))]

    def discard(self, name: str | None) -> None:
        """Forget it."""
        self._names.pop(name, None)
