"""The journal beside .env: what was there before, what was put there instead, and so how it is undone.

It is written before and after every step, so that what a killed process had begun is known as well. A value counts as
ours as long as it is one that we sent, or that Twilio answered with. Where somebody else has put another in its place,
the next setup takes that one for what was there before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from bmv.commands.setup import whole_file
from bmv.commands.setup.env_text import LineEdit
from bmv.commands.setup.request import SetupFailed
from bmv.telephony.account import Kind, Resource
from bmv.wire import UNREADABLE

NAME = ".bmv-setup.json"
VERSION = 1


@dataclass
class ValueRecord:
    """A value: what it was before us, and ours, what was sent last first. Several, where an answer never came.

    `sent` is what was sent last that got an answer, and `answered` that answer: Twilio may write it in its own way.
    """

    first: str
    ours: list[str]
    sent: str = ""
    answered: str = ""


@dataclass
class ResourceRecord:
    """A resource that was changed, or that we created; `sid` "" while it is not known whether it was."""

    kind: Kind
    sid: str
    name: str
    created: bool
    values: dict[str, ValueRecord]


@dataclass
class LineRecord:
    """A line of .env: what it was before us (None: not there), and ours, the last first."""

    name: str
    before: str | None
    ours: list[str]
    glue: str = ""

    def edits(self) -> list[LineEdit]:
        """The edits that may have led to what is there now."""
        return [LineEdit(self.name, self.before, each, self.glue) for each in self.ours]


@dataclass
class Records:
    """All of it, as it is on the disk. `env_created` is the digest of what .env held when we made it, else ""."""

    account_sid: str
    version: int = VERSION
    resources: list[ResourceRecord] = field(default_factory=list)
    lines: list[LineRecord] = field(default_factory=list)
    env_created: str = ""


class Journal:
    """The journal of one folder. Nothing is on the disk before the first change is meant."""

    def __init__(self, path: Path, records: Records) -> None:
        self.path = path
        self.records = records

    @classmethod
    def read(cls, path: Path) -> Journal | None:
        """The journal that is there; None where there is none. Raises `SetupFailed` when it cannot be read."""
        try:
            records = msgspec.json.decode(path.read_bytes(), type=Records)
        except FileNotFoundError:
            return None
        except (OSError, *UNREADABLE) as error:
            raise SetupFailed(
                f"{path} cannot be read ({error}). It says what setup has changed. If you can do without --undo, "
                "move it away and try again."
            ) from error
        if records.version != VERSION:
            raise SetupFailed(f"{path} was written by another version of bmv ({records.version}). Use that one.")
        return cls(path, records)

    # --- what it knows -----------------------------------------------------------------------------------------------

    @property
    def empty(self) -> bool:
        """Whether there is nothing to undo."""
        return not (self.records.resources or self.records.lines or self.records.env_created)

    def find(self, kind: Kind, sid: str) -> ResourceRecord | None:
        """What is known of a resource."""
        return next((each for each in self.records.resources if (each.kind, each.sid) == (kind, sid)), None)

    def stands_for(self, resource: Resource, attribute: str, wanted: str) -> bool:
        """Whether a value is what Twilio made of what is wanted: it answered so when that was sent."""
        record = self.find(resource.kind, resource.sid)
        value = record.values.get(attribute) if record else None
        return value is not None and (value.sent, value.answered) == (wanted, resource.values.get(attribute))

    def is_ours(self, resource: Resource, attribute: str) -> bool:
        """Whether a value is as we left it."""
        record = self.find(resource.kind, resource.sid)
        value = record.values.get(attribute) if record else None
        return value is not None and resource.values.get(attribute) in value.ours

    # --- what it is told ---------------------------------------------------------------------------------------------

    def adopt(self, found: Iterable[Resource]) -> None:
        """Take what was found for what we had begun to create: of that name there was none when we did."""
        for pending in [each for each in self.records.resources if not each.sid]:
            alike = [each for each in found if (each.kind, each.name) == (pending.kind, pending.name)]
            known = [each for each in alike if self.find(each.kind, each.sid)]
            if len(alike) == 1 and not known:
                pending.sid = alike[0].sid

    def mean_to_create(self, kind: Kind, name: str, values: Mapping[str, str]) -> ResourceRecord:
        """Before a resource is created. Writes the journal."""
        pending = next((each for each in self.records.resources if not each.sid and each.kind == kind), None)
        record = pending or ResourceRecord(kind, "", name, created=True, values={})
        record.values = {attribute: ValueRecord("", [value]) for attribute, value in values.items()}
        if pending is None:
            self.records.resources.append(record)
        self.save()
        return record

    def mean_to_change(self, resource: Resource, before: Mapping[str, str], after: Mapping[str, str]) -> ResourceRecord:
        """Before values of a resource are changed. Writes the journal."""
        record = self.find(resource.kind, resource.sid)
        if record is None:
            record = ResourceRecord(resource.kind, resource.sid, resource.name, created=False, values={})
            self.records.resources.append(record)
        for attribute, wanted in after.items():
            known = record.values.setdefault(attribute, ValueRecord(before[attribute], []))
            if before[attribute] not in (known.first, *known.ours):
                known.first, known.ours = before[attribute], []
            known.ours = _each_once([wanted, *known.ours])
        self.save()
        return record

    def done(self, record: ResourceRecord, sent: Mapping[str, str], answered: Resource) -> None:
        """After Twilio did so: what it answered with is ours as well. Writes the journal."""
        record.sid = answered.sid
        for attribute, value in sent.items():
            known, answer = record.values[attribute], answered.values.get(attribute, value)
            known.ours, known.sent, known.answered = _each_once([value, answer]), value, answer
        try:
            self.save()
        except SetupFailed as failure:
            raise SetupFailed(f"{failure} The change itself was made.") from failure

    def mean_to_write(self, edits: Iterable[LineEdit]) -> None:
        """Before lines of .env are changed. Writes the journal."""
        for edit in edits:
            known = next((each for each in self.records.lines if each.name == edit.name), None)
            if known is None:
                self.records.lines.append(LineRecord(edit.name, edit.before, [edit.after], edit.glue))
            elif edit.before is not None and edit.before in known.ours:
                known.ours = _each_once([edit.after, *known.ours])
            else:
                known.before, known.ours, known.glue = edit.before, [edit.after], edit.glue
        self.save()

    def forget(self, record: ResourceRecord, attributes: Iterable[str] | None = None) -> None:
        """What was put back, or is gone for good; without attributes the whole resource. `save` writes it."""
        for attribute in list(record.values) if attributes is None else attributes:
            record.values.pop(attribute, None)
        if not record.values and record in self.records.resources:
            self.records.resources.remove(record)

    def save(self) -> None:
        """Write it whole, or remove it where there is nothing to undo. Raises `SetupFailed`."""
        try:
            if self.empty:
                whole_file.remove(self.path)
            else:
                text = msgspec.json.format(msgspec.json.encode(self.records), indent=2).decode()
                whole_file.write(self.path, text + "\n")
        except OSError as error:
            raise SetupFailed(f"{self.path} cannot be written: {error.strerror}.") from error


def _each_once(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
