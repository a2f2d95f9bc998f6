"""Who said what, in both languages, while it is said; held nowhere longer than it takes to hand it on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from bmv.call.leg import Role
from bmv.call.translator import CaptionKind

NEW_LINE_AFTER = 2.0  # seconds without a word of one kind: the continuous model has no turns, a pause has to do


@dataclass(frozen=True)
class Caption:
    """One line as it stands now; the same line comes again, longer, while it grows.

    `line` counts per call and speaker from 1; the two kinds of one line belong together. `lag` is, on a translation,
    the seconds from the speaker's first sound to the first translated sound the listener got; None until known.
    `whole` lines do not grow.
    """

    call_id: str
    speaker: Role
    kind: CaptionKind
    line: int
    text: str
    lag: float | None = None
    whole: bool = False


LONGEST_LINE = 400  # characters, for somebody who speaks without a pause
LONGEST_PIECE = 2000  # and the most that is kept of what comes at once: nobody says so much between two pieces

Reader = Callable[[Caption], None]


class CaptionFeed:
    """Hands the captions of all calls to whoever reads along; without readers nothing is kept at all."""

    def __init__(self) -> None:
        self._readers: list[Reader] = []

    @contextmanager
    def reading(self, reader: Reader) -> Iterator[None]:
        """Call `reader` with every caption while inside; it must not raise nor block."""
        self._readers.append(reader)
        try:
            yield
        finally:
            self._readers.remove(reader)

    def publish(self, caption: Caption) -> None:
        """Hand one caption to every reader."""
        for reader in tuple(self._readers):
            reader(caption)


class CaptionLines:
    """The running lines of one speaker: the original and the translation."""

    def __init__(self, show: Reader, call_id: str, speaker: Role) -> None:
        """`show` is called with every caption, each time that it has changed."""
        self._call_id, self._speaker = call_id, speaker
        self._to_reader = show
        self._inserted: set[int] = set()  # numbers that no other line may have
        self._lines = {kind: Caption(call_id, speaker, kind, line=0, text="") for kind in CaptionKind}
        self._last: dict[CaptionKind, float] = {}
        self._early: tuple[float, float] | None = None  # a lag that was known before its line began, and since when

    def append(self, kind: CaptionKind, text: str, now: float) -> None:
        """Add a piece of text to the running line of its kind, or begin a new one after a pause.

        A translation begins a new line only when the original has begun one, and takes its number: so the two stay side
        by side, although they pause at different places. Where the original is not transcribed it counts by itself.
        """
        line, text = self._lines[kind], text[:LONGEST_PIECE]
        paused = kind not in self._last or now - self._last[kind] > NEW_LINE_AFTER
        number = self._next_number(kind) if paused or len(line.text) > LONGEST_LINE else line.line
        if number != line.line:
            lag = self._early_lag(now) if kind is CaptionKind.TRANSLATION else None
            line = replace(line, line=number, text="", lag=lag)
            text = text.lstrip()
        elif paused:
            line, text = replace(line, text=line.text.rstrip()), f" {text.lstrip()}"
        self._last[kind] = now
        self._show(replace(line, text=line.text + text))

    def insert(self, texts: Mapping[CaptionKind, str]) -> None:
        """A line of its own, known as a whole; what runs goes on as if it were not there."""
        number = self._free(max(line.line for line in self._lines.values()) + 1)
        self._inserted.add(number)
        for kind, text in texts.items():
            self._to_reader(Caption(self._call_id, self._speaker, kind, number, text, whole=True))

    def _next_number(self, kind: CaptionKind) -> int:
        original = self._lines[CaptionKind.ORIGINAL].line
        if kind is CaptionKind.TRANSLATION and original:
            return original
        return self._free(self._lines[kind].line + 1)

    def _free(self, number: int) -> int:
        while number in self._inserted:
            number += 1
        return number

    def heard_after(self, lag: float, now: float) -> None:
        """Note the lag of the translation that began to sound now: on the running line, or on one that begins soon.

        A line keeps the lag it has, and a translation without words leaves its lag to no other.
        """
        line = self._lines[CaptionKind.TRANSLATION]
        last = self._last.get(CaptionKind.TRANSLATION)
        if line.lag is None and last is not None and now - last <= NEW_LINE_AFTER:
            self._show(replace(line, lag=lag))
        else:
            self._early = (lag, now)

    def _early_lag(self, now: float) -> float | None:
        early, self._early = self._early, None
        return early[0] if early and now - early[1] <= NEW_LINE_AFTER else None

    def _show(self, line: Caption) -> None:
        self._lines[line.kind] = line
        self._to_reader(line)
