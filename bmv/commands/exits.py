"""What the exit code of a command says, to people and to scripts."""

from __future__ import annotations

from collections.abc import Mapping

DONE, FAILED, WRONG_SETTINGS, WARNED, INTERRUPTED = 0, 1, 2, 3, 130

EXIT_CODES: Mapping[int, str] = {
    DONE: "done; all is well",
    FAILED: "it failed, or a fault was found",
    WRONG_SETTINGS: "wrong settings or arguments",
    WARNED: "warnings but no fault (doctor); not all could be judged (soak)",
    INTERRUPTED: "interrupted (Ctrl-C) before it was done",
}
"""Every code a command may exit with, and what it means."""
