"""The .env file of a folder: how lines are written into it and put back, and how it is told of in the journal."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bmv.commands.setup import env_text, whole_file
from bmv.commands.setup.env_text import EnvTextError, LineEdit
from bmv.commands.setup.journal import Journal, LineRecord
from bmv.commands.setup.request import SetupFailed, Unsettled

MODE = 0o600
"""Of a file that we make: it holds secrets."""


@dataclass(frozen=True)
class EnvFile:
    """.env in a folder, and beside it the .env.sample that it is made from where there is none."""

    path: Path

    @classmethod
    def of(cls, folder: Path) -> EnvFile:
        """The file of this folder."""
        return cls(folder / ".env")

    def text(self) -> str | None:
        """What is in it, with its byte order mark and its line ends; None where there is none."""
        return _text(self.path)

    def sample(self) -> str:
        """What it is made from; "" where there is no sample."""
        return _text(self.path.with_name(".env.sample")) or ""

    def write(self, values: Mapping[str, str], journal: Journal) -> None:
        """Set these values, and keep in the journal how to undo it. Raises `SetupFailed`; then nothing is written."""
        there = self.text()
        text = self.sample() if there is None else there
        edits: list[LineEdit] = []
        if there is None:
            journal.records.env_created = _digest(text)
        try:
            for name, value in values.items():
                text, edit = env_text.set_value(text, name, value)
                edits.append(edit)
        except EnvTextError as error:
            raise SetupFailed(str(error)) from error
        journal.mean_to_write(edits)
        self._write(text)

    def put_back(self, journal: Journal, *, force: bool) -> None:
        """Undo every line that still reads as we wrote it, with `force` also those that somebody changed since.

        What was put back is forgotten. Raises `SetupFailed`; then nothing is written.
        """
        before = self.text()
        after, left = without_ours(before, journal, force=force)
        if after is None and before is not None:
            self._remove()
        elif after is not None and after != before:
            self._write(after)
        journal.records.lines = left
        if not left:
            journal.records.env_created = ""
        journal.save()

    def _write(self, text: str) -> None:
        try:
            whole_file.write(self.path, text, mode=MODE)
        except OSError as error:
            raise SetupFailed(f"{self.path} cannot be written: {error.strerror}.") from error

    def _remove(self) -> None:
        try:
            whole_file.remove(self.path)
        except OSError as error:
            raise SetupFailed(f"{self.path} cannot be removed: {error.strerror}.") from error


def without_ours(text: str | None, journal: Journal, *, force: bool) -> tuple[str | None, list[LineRecord]]:
    """The text as it was before us, and the lines that stay since somebody else has changed them; None: no file."""
    left: list[LineRecord] = []
    if text is None and journal.records.env_created:
        return None, left  # made by us, and gone, or never written
    for record in reversed(journal.records.lines):
        before = _line_before(text, record, force=force)
        if before is None:
            left.insert(0, record)
        elif text is not None:
            text = before
    if text is not None and not left and _digest(text) == journal.records.env_created:
        return None, left
    return text, left


def _line_before(text: str | None, record: LineRecord, *, force: bool) -> str | None:
    if text is None:  # the whole file is gone, and with it the line
        return "" if record.before is None or force else None
    for edit in record.edits():
        if (found := env_text.restored(text, edit)) is not None:
            return found
    if env_text.holds(text, record.name, record.before):
        return text
    if not force:
        return None
    overwritten = env_text.overwritten(text, record.edits()[0])
    return text if overwritten is None else overwritten


def _text(path: Path) -> str | None:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeError) as error:
        raise Unsettled(f"{path} cannot be read: it must be a UTF-8 text file this user may read.") from error


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
