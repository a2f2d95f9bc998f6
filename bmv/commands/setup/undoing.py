"""Takes back what setup has done: every value that is still ours becomes again what it was, in reverse order.

A value that somebody changed since is left alone, unless that is forced. Lines of .env are put back last: they may hold
what leads to the account.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bmv.commands.setup import env_text
from bmv.commands.setup.applying import creatable
from bmv.commands.setup.env_file import EnvFile, without_ours
from bmv.commands.setup.env_plan import SECRETS, hidden
from bmv.commands.setup.journal import Journal, LineRecord, ResourceRecord, ValueRecord
from bmv.commands.setup.planning import LABELS, shown
from bmv.commands.setup.steps import Action, Change, EnvStep, ResourceStep, Step
from bmv.telephony.account import Kind, PhoneNumber, Resource, TwilioAccount
from bmv.telephony.rest import RestError

_ORDER = (Kind.NUMBER, Kind.WORKSPACE, Kind.FLOW, Kind.APP)
"""What leads somewhere comes before what it leads to."""


@dataclass(frozen=True)
class Present:
    """How things are by now: each record's resource by the record's place, None where it is gone; and every number."""

    resources: Mapping[int, Resource | None]
    numbers: Sequence[PhoneNumber]


@dataclass
class UndoPlan:
    """What will be put back. `left` names what somebody changed since; `settled` has nothing to be put back."""

    steps: list[Step] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    settled: list[tuple[ResourceRecord, list[str]]] = field(default_factory=list)


async def look_again(account: TwilioAccount, journal: Journal) -> Present:
    """Read every resource that the journal knows. Raises `RestError`."""
    if any(not record.sid for record in journal.records.resources):
        journal.adopt([*await account.flows(), *await _apps(account, journal)])
    records = journal.records.resources
    created = any(record.created for record in records)
    return Present(
        {place: await _fetched(account, each) if each.sid else None for place, each in enumerate(records)},
        await account.numbers() if created else (),
    )


def plan_undo(journal: Journal, now: Present, text: str | None, *, force: bool) -> UndoPlan:
    """Compare what is there with what we left."""
    undo = UndoPlan()
    records = journal.records.resources
    for place in sorted(range(len(records)), key=lambda place: (_ORDER.index(records[place].kind), -place)):
        _plan_resource(undo, records[place], now.resources[place], force=force)
    if not force:
        _spare_the_used(undo, now.numbers)
    _plan_lines(undo, journal, text, force=force)
    return undo


class Undoer:
    """Puts back, one step after the other."""

    def __init__(self, account: TwilioAccount, journal: Journal, env: EnvFile, *, force: bool) -> None:
        self._account, self._journal, self._env, self._force = account, journal, env, force

    def settle(self, undo: UndoPlan) -> None:
        """Forget what needs nothing done; writes the journal. Raises `SetupFailed`."""
        for record, attributes in undo.settled:
            self._journal.forget(record, attributes)
        self._journal.save()
        if not any(isinstance(step, EnvStep) for step in undo.steps):
            self._env.put_back(self._journal, force=self._force)  # changes nothing, by the plan

    async def do(self, step: Step) -> None:
        """One step; the journal forgets it afterwards. Raises `RestError` and `SetupFailed`."""
        if isinstance(step, EnvStep):
            self._env.put_back(self._journal, force=self._force)
            return
        record = self._journal.find(step.kind, step.sid)
        assert record is not None  # noqa: S101 - the step was made from it
        if step.action is Action.DELETE:
            await self._delete(step)
            self._journal.forget(record)
        else:
            await self._account.update(step.kind, step.sid, step.values({}))
            self._journal.forget(record, [each.attribute for each in step.changes])
        self._journal.save()

    async def _delete(self, step: ResourceStep) -> None:
        try:
            await self._account.delete(creatable(step.kind), step.sid)
        except RestError as error:
            if error.status != 404:  # gone already, which is what we want
                raise


async def _apps(account: TwilioAccount, journal: Journal) -> Sequence[Resource]:
    pending = [each.name for each in journal.records.resources if not each.sid and each.kind is Kind.APP]
    return [app for name in pending for app in await account.apps(name)]


async def _fetched(account: TwilioAccount, record: ResourceRecord) -> Resource | None:
    try:
        return await account.fetch(record.kind, record.sid)
    except RestError as error:
        if error.status == 404:
            return None
        raise


def _plan_resource(undo: UndoPlan, record: ResourceRecord, now: Resource | None, *, force: bool) -> None:
    title = _title(record, now)
    if now is None:
        if record.sid and not record.created:
            undo.notes.append(f"The {title} is gone: there is nothing to put back.")
        undo.settled.append((record, list(record.values)))
        return
    theirs = [name for name, value in record.values.items() if not _is_known(value, now.values.get(name, ""), record)]
    if theirs and not force:
        undo.left += [
            f"{title}, {LABELS[name]}: {shown(name, now.values.get(name, '')) or 'nothing'}" for name in theirs
        ]
        if record.created or record.kind is Kind.FLOW:
            return  # which is put back whole or not at all
    if record.created:
        undo.steps.append(ResourceStep(Action.DELETE, record.kind, record.sid, record.name, title))
        return
    _plan_values(undo, record, now, [name for name in record.values if force or name not in theirs])


def _spare_the_used(undo: UndoPlan, numbers: Sequence[PhoneNumber]) -> None:
    """Do not delete what calls to a number still begin in when everything else is put back."""
    changed = {step.sid: step.values({}) for step in undo.steps if isinstance(step, ResourceStep)}
    for step in [each for each in undo.steps if isinstance(each, ResourceStep) and each.action is Action.DELETE]:
        for number in numbers:
            values = {**number.values, **changed.get(number.sid, {})}
            if step.sid in (values["voice_application_sid"], values["voice_url"].rpartition("/")[2]):
                undo.left.append(f"{step.title}: {number.number} leads to it")
                undo.steps.remove(step)
                break


def _plan_values(undo: UndoPlan, record: ResourceRecord, now: Resource, names: Sequence[str]) -> None:
    same = [name for name in names if _needs_nothing(name, now.values.get(name, ""), record.values[name].first)]
    if record.kind is Kind.FLOW and len(same) < len(names):
        same = []  # a revision is always whole
    if same:
        undo.settled.append((record, same))
    changes = tuple(_change(name, now, record) for name in names if name not in same)
    if changes:
        undo.steps.append(
            ResourceStep(Action.UPDATE, record.kind, record.sid, record.name, _title(record, now), changes)
        )


def _needs_nothing(attribute: str, now: str, first: str) -> bool:
    """A method that was never set cannot be unset; without an address it means nothing."""
    return now == first or (attribute.endswith("_method") and not first)


def _is_known(value: ValueRecord, now: str, record: ResourceRecord) -> bool:
    """Whether it is ours, or what was there before; what we created had nothing before."""
    return now in value.ours or (now == value.first and not record.created)


def _change(attribute: str, now: Resource, record: ResourceRecord) -> Change:
    before, after = now.values.get(attribute, ""), record.values[attribute].first
    return Change(attribute, LABELS[attribute], before, after, (shown(attribute, before), shown(attribute, after)))


def _title(record: ResourceRecord, now: Resource | None) -> str:
    what = {Kind.NUMBER: "number", Kind.WORKSPACE: "TaskRouter", Kind.FLOW: "Studio flow", Kind.APP: "TwiML App"}
    name = getattr(now, "number", "") or f"“{record.name}”"
    return f"{what[record.kind]} {name}"


def _plan_lines(undo: UndoPlan, journal: Journal, text: str | None, *, force: bool) -> None:
    records = journal.records.lines
    after, left = without_ours(text, journal, force=force)
    undo.left += [f".env, {record.name}" for record in left]
    if after != text:
        changes = tuple(_lines([record for record in records if record not in left], text or ""))
        undo.steps.append(EnvStep(changes, removes=after is None))


def _lines(records: Sequence[LineRecord], text: str) -> Iterator[Change]:
    for record in reversed(records):
        before = env_text.value_of(text, record.name) or ""
        after = env_text.value_of(record.before or "", record.name) or ""
        told = (hidden(before), hidden(after)) if record.name in SECRETS else None
        yield Change(record.name, record.name, before, after, told)
