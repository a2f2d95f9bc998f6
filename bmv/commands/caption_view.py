"""Captions of one call in a terminal: both sides while they speak; without a terminal, line by line."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from bmv.call.captions import Caption
from bmv.call.leg import Role
from bmv.call.translator import CaptionKind

COLOURS = {Role.CALLER: "cyan", Role.AGENT: "green"}


Turn = tuple[Role, int]


class CaptionView:
    """Shows captions; use it as a context manager and give `show` to `CaptionFeed.reading`.

    A turn is printed for good when its speaker begins the next one. Until then it is drawn anew as it grows, where
    there is a terminal to draw on.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._turns: dict[Turn, dict[CaptionKind, Caption]] = {}
        self._printed: set[Turn] = set()
        self._live = Live(console=console, refresh_per_second=10, transient=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()
        self._print(list(self._turns))

    def show(self, caption: Caption) -> None:
        """Take a caption as it stands now."""
        turn = (caption.speaker, caption.line)
        if turn not in self._turns:
            self._print(self._finished(caption.speaker))
        self._turns.setdefault(turn, {})[caption.kind] = caption
        self._live.update(Group(*(self._lines(each) for each in self._turns if each not in self._printed)))

    def _finished(self, speaker: Role) -> list[Turn]:
        """What came up to this speaker's last turn: to the other's, words may still be added."""
        turns = list(self._turns)
        last = max((place for place, (role, _) in enumerate(turns) if role is speaker), default=-1)
        return turns[: last + 1]

    def _print(self, turns: list[Turn]) -> None:
        for turn in turns:
            if turn not in self._printed:
                self._printed.add(turn)
                self._console.print(self._lines(turn), soft_wrap=True)

    def _lines(self, turn: Turn) -> Text:
        role, _ = turn
        captions = self._turns[turn]
        text = Text()
        if original := captions.get(CaptionKind.ORIGINAL):
            text.append(f"{role.value:>7}  ", style=f"bold {COLOURS[role]}")
            text.append(original.text.strip() + "\n")
        if translation := captions.get(CaptionKind.TRANSLATION):
            lag = "" if translation.lag is None else f"  ({translation.lag:.1f} s behind)"
            text.append(f"{'heard':>7}  ", style="dim")
            text.append(translation.text.strip(), style="italic")
            text.append(lag + "\n", style="dim")
        return text
