"""The server with somebody who looks over its shoulder: `python -m bmv.commands.bench.profiled FILE`.

It serves as `python -m bmv` does. For each two milliseconds of processor time that the process has used a signal comes,
and it is noted in which module Python is; what runs in C counts for the Python that called it, and what runs outside of
all Python (the event loop's own C, and system calls it makes) for the line that runs the loop. At the end the counts go
to FILE as JSON. The signals themselves cost something, so this tells where the time goes, and not how much it is.
"""

from __future__ import annotations

import json
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Final

INTERVAL_SECONDS: Final = 0.002
_PACKAGES: Final = (
    "aiohttp",
    "asyncio",
    "uvloop",
    "structlog",
    "prometheus_client",
    "twilio",
    "numpy",
    "multidict",
    "yarl",
)


def room_of(filename: str) -> str:
    """Which room a file belongs to: one of ours (`bmv.call`), a library, or Python itself."""
    parts = Path(filename).with_suffix("").parts
    if "site-packages" in parts:
        place = len(parts) - 1 - parts[::-1].index("site-packages")
        return parts[place + 1]
    if "bmv" in parts:
        place = len(parts) - 1 - parts[::-1].index("bmv")
        return ".".join(parts[place : place + 2])
    return next((name for name in _PACKAGES if name in parts), "Python")


class Watcher:
    """Counts where the process is."""

    def __init__(self) -> None:
        self.rooms: Counter[str] = Counter()
        self.functions: Counter[str] = Counter()
        self._known: dict[str, str] = {}

    def look(self, _number: int, frame: FrameType | None) -> None:
        """Note where it is now."""
        if frame is None:
            return
        filename = frame.f_code.co_filename
        room = self._known.get(filename)
        if room is None:
            room = self._known[filename] = room_of(filename)
        self.rooms[room] += 1
        self.functions[f"{room}: {Path(filename).stem}.{frame.f_code.co_name}"] += 1

    def clear(self, *_: object) -> None:
        """Forget what was seen: the beginning is over."""
        self.rooms.clear()
        self.functions.clear()

    def as_json(self) -> str:
        """Counts, the most first."""
        return json.dumps({"rooms": dict(self.rooms.most_common()), "functions": dict(self.functions.most_common(60))})


def main() -> int:
    """Serve, and note. SIGUSR1 begins anew."""
    from bmv.commands import main as serve  # noqa: PLC0415 - the signals begin first

    watcher = Watcher()
    signal.signal(signal.SIGPROF, watcher.look)
    signal.signal(signal.SIGUSR1, watcher.clear)
    signal.setitimer(signal.ITIMER_PROF, INTERVAL_SECONDS, INTERVAL_SECONDS)
    try:
        return serve([])
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        Path(sys.argv[1]).write_text(watcher.as_json(), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
