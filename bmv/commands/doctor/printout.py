"""The report as it is read: line by line in a terminal, plain where there is none, or as JSON for machines."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Final, TextIO

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bmv.commands.doctor.findings import Finding, Level, worst

_STYLES: Final = {Level.OK: "green", Level.WARNING: "yellow", Level.FAULT: "bold red"}
_LEVEL_WIDTH = max(len(level) for level in Level)
_ENOUGH: Final = 36  # columns in which sentences can be read
_VERDICTS: Final = {
    Level.OK: "All is well.",
    Level.WARNING: "Nothing stands in the way of a call, as far as it can be seen from here.",
    Level.FAULT: "Calls will not work, or not as they should, until the faults are mended.",
}


class Printout:
    """Prints findings as they come. Where there is no terminal, one finding is one line, and its remedy one more."""

    def __init__(self, names: Iterable[str], console: Console) -> None:
        """`names` are those of all checks, for the width of their column."""
        self._console = console
        self._width = max(map(len, names), default=0)

    def show(self, finding: Finding) -> None:
        """Print one finding, its remedy beneath it."""
        if self._console.is_terminal:
            narrow = self._console.width < _LEVEL_WIDTH + self._width + 4 + _ENOUGH
            self._console.print(self._stack(finding) if narrow else self._row(finding))
            return
        indent = " " * (_LEVEL_WIDTH + self._width + 4)
        self._line(f"{finding.level:{_LEVEL_WIDTH}}  {finding.name:{self._width}}  {finding.message}")
        if finding.remedy:
            self._line(f"{indent}→ {finding.remedy}")

    def conclude(self, findings: Sequence[Finding]) -> None:
        """Print how many of each kind there are, and what that means."""
        counts = Counter(finding.level for finding in findings)
        told = ", ".join(
            f"{counts[level]} {_plural(level, counts[level])}" for level in reversed(Level) if counts[level]
        )
        level = worst(findings)
        self._console.print()
        verdict = Text.assemble((told, _STYLES[level]), f". {_VERDICTS[level]}")
        self._console.print(verdict, soft_wrap=not self._console.is_terminal)

    def _row(self, finding: Finding) -> Table:
        row = Table.grid(padding=(0, 2), expand=True)
        row.add_column(width=_LEVEL_WIDTH)
        row.add_column(width=self._width)
        row.add_column(ratio=1, overflow="fold")
        row.add_row(Text(finding.level, _STYLES[finding.level]), Text(finding.name, "bold"), Text(finding.message))
        if finding.remedy:
            row.add_row("", "", Text.assemble(("→ ", _STYLES[finding.level]), finding.remedy))
        return row

    def _stack(self, finding: Finding) -> Group:
        """The same for narrow screens: what was found stands below the name of the check."""
        parts: list[RenderableType] = [
            Text.assemble((finding.level, _STYLES[finding.level]), "  ", (finding.name, "bold")),
            Padding(Text(finding.message), (0, 0, 0, 2)),
        ]
        if finding.remedy:
            parts.append(Padding(Text.assemble(("→ ", _STYLES[finding.level]), finding.remedy), (0, 0, 0, 2)))
        return Group(*parts)

    def _line(self, text: str) -> None:
        self._console.print(Text(text), soft_wrap=True)


def write_json(findings: Sequence[Finding], stream: TextIO) -> None:
    """Write the whole report as one JSON object, and nothing else."""
    report = {"checks": [asdict(finding) for finding in findings], "level": worst(findings)}
    stream.write(json.dumps(report, ensure_ascii=False, indent=2) + "\n")


def _plural(level: Level, count: int) -> str:
    return level if level is Level.OK or count == 1 else f"{level}s"
