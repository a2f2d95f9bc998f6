"""What a check says: one line for the operator, how bad it is, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bmv.commands import exits


class Level(StrEnum):
    """How bad it is, from well to worst."""

    OK = "ok"
    WARNING = "warning"
    """Calls work, or may work; or it could not be looked at."""
    FAULT = "fault"
    """Calls do not work, or not as they should."""


EXIT_CODES: Final[Mapping[Level, int]] = {Level.OK: exits.DONE, Level.WARNING: exits.WARNED, Level.FAULT: exits.FAILED}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: the check's name, and in plain words what was found. Never a secret.

    `remedy` says what to do; empty where all is well. A check may have several lines, each with its name.
    """

    name: str
    level: Level
    message: str
    remedy: str = ""


def worst(findings: Iterable[Finding]) -> Level:
    """Tell how bad the worst of them is; nothing at all is well."""
    order = list(Level)
    return max((finding.level for finding in findings), key=order.index, default=Level.OK)
