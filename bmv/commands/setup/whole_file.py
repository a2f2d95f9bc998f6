"""A file is written whole or not at all: a process that is killed leaves the old one or the new one."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from pathlib import Path

NEW = ".bmv-new"
"""What the name of a file ends in until it is complete."""


def write(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Write a text as UTF-8, and put it onto the disk before returning.

    A file that was there keeps its mode and owner, and a link goes on pointing to it; a new one gets `mode`. Raises
    `OSError`.
    """
    path = path.resolve()
    new = path.with_name(path.name + NEW)
    new.unlink(missing_ok=True)
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(handle, "wb") as file:  # noqa: PTH123 - a file that is open already
            file.write(text.encode())
            file.flush()
            os.fsync(handle)
        _make_alike(new, path, mode)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def remove(path: Path) -> None:
    """Remove a file for good; it may be gone already."""
    path.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _make_alike(new: Path, path: Path, mode: int) -> None:
    try:
        old = path.stat()
    except FileNotFoundError:
        new.chmod(mode)
        return
    if sys.platform != "win32":
        with contextlib.suppress(PermissionError):  # somebody else's file, which we may write all the same
            os.chown(new, old.st_uid, old.st_gid)
    new.chmod(stat.S_IMODE(old.st_mode))


def _sync_folder(folder: Path) -> None:
    """A rename is on the disk when its folder is. Not every system lets a folder be opened."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
