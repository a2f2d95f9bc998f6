"""Run a program with the system calls that a unit leaves it, by the library and the tool that systemd itself uses.

    python tests/system_calls.py UNIT PROGRAM ARGUMENT…

What a filter forbids kills the program, or fails with the error that `SystemCallErrorNumber` names. Exits with 77 where
systemd's tools are not there.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

NOT_HERE = 77
KILL, ERROR, ALLOW = 0x80000000, 0x00050000, 0x7FFF0000  # SCMP_ACT_KILL_PROCESS, _ERRNO(…), _ALLOW of <seccomp.h>
NO_NEW_PRIVILEGES = 38  # PR_SET_NO_NEW_PRIVS of <sys/prctl.h>


def calls(name: str) -> Iterator[str]:
    """The system calls of a name in a filter: those of a group, its groups' too, or the one of that name."""
    if not name.startswith("@"):
        yield name
        return
    told = subprocess.run(["systemd-analyze", "syscall-filter", name], check=True, capture_output=True, text=True)  # noqa: S603, S607
    for line in map(str.strip, told.stdout.splitlines()):
        if line and line != name and not line.startswith("#"):
            yield from calls(line)


def left(unit: str) -> set[str]:
    """What a unit's lines leave: first what may be called, then what may not after all."""
    allowed = set(calls("@default"))
    for line in re.findall(r"^SystemCallFilter=(.*)$", unit, re.MULTILINE):
        named = {call for name in line.removeprefix("~").split() for call in calls(name)}
        allowed = allowed - named if line.startswith("~") else allowed | named
    return allowed


def confine(unit: str) -> None:
    """Give up, for good, what the unit does not leave."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    error = re.search(r"^SystemCallErrorNumber=(\w+)$", unit, re.MULTILINE)
    action = ERROR | getattr(errno, error[1]) if error else KILL
    rules = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(action)))
    for name in left(unit):
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:  # a call of this machine
            assert library.seccomp_rule_add(rules, ctypes.c_uint32(ALLOW), ctypes.c_int(number), 0) == 0, name
    ctypes.CDLL(None).prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    assert library.seccomp_load(rules) == 0


def main() -> NoReturn:
    """Become the program, confined."""
    try:
        confine(Path(sys.argv[1]).read_text("utf-8"))
    except OSError:  # no such tool or library
        sys.exit(NOT_HERE)
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606


if __name__ == "__main__":
    main()
