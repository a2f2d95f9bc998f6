"""Does what a plan says, step by step, and keeps the journal; says how far it came."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bmv.commands.setup.env_file import EnvFile
from bmv.commands.setup.journal import Journal
from bmv.commands.setup.request import SetupFailed
from bmv.commands.setup.steps import Action, EnvStep, Plan, ResourceStep, Step, resolved
from bmv.telephony.account import Kind, Resource, TwilioAccount
from bmv.telephony.rest import RestError


@dataclass
class Progress:
    """How far the steps came. `current` is the one that was begun and not finished: it failed, or we were stopped."""

    waiting: list[Step]
    done: list[Step] = field(default_factory=list)
    current: Step | None = None
    failure: Exception | None = None

    @property
    def perhaps_done(self) -> bool:
        """Whether the step that was not finished may have been done all the same."""
        if self.current is None or isinstance(self.failure, SetupFailed):
            return False
        return not (isinstance(self.failure, RestError) and self.failure.nothing_done)


Doing = Callable[[Step], Awaitable[None]]


async def step_by_step(progress: Progress, do: Doing) -> None:
    """Do the steps in turn until one fails; what happened is in `progress`, also when this is cancelled."""
    while progress.waiting:
        progress.current = progress.waiting.pop(0)
        try:
            await do(progress.current)
        except (RestError, SetupFailed) as failure:
            progress.failure = failure
            return
        progress.done.append(progress.current)
        progress.current = None


class Applier:
    """Sets up, one step after the other."""

    def __init__(self, account: TwilioAccount, journal: Journal, env: EnvFile) -> None:
        self._account, self._journal, self._env = account, journal, env
        self._made: dict[Kind, Resource] = {}

    async def check(self, plan: Plan) -> None:
        """Have Studio look at the flow before anything is changed. Raises `SetupFailed` when it finds a fault."""
        for step in plan.steps:
            if isinstance(step, ResourceStep) and step.kind is Kind.FLOW:
                definition = step.values({})["definition"]
                if errors := await self._account.invalid_flow(step.name, definition):
                    raise SetupFailed(
                        f"Studio refuses the flow that asks for languages: {_joined(errors)}. Nothing was changed. "
                        "With --no-studio this server asks instead."
                    )

    async def do(self, step: Step) -> None:
        """One step, in the journal before and after. Raises `RestError` and `SetupFailed`."""
        match step:
            case EnvStep():
                values = {each.attribute: resolved(each.after, self._made) for each in step.changes}
                self._env.write(values, self._journal)
            case ResourceStep(action=Action.CREATE):
                await self._create(step)
            case ResourceStep():
                await self._update(step)

    async def _create(self, step: ResourceStep) -> None:
        values = step.values(self._made)
        record = self._journal.mean_to_create(step.kind, step.name, values)
        try:
            made = await self._account.create(creatable(step.kind), step.name, values)
        except RestError as error:
            if error.nothing_done:
                self._journal.forget(record)
                self._journal.save()
            raise
        self._journal.done(record, values, made)
        self._made[step.kind] = made

    async def _update(self, step: ResourceStep) -> None:
        values = step.values(self._made)
        before = {each.attribute: each.before for each in step.changes}
        known = Resource(step.kind, step.sid, step.name, before)
        record = self._journal.mean_to_change(known, before, values)
        changed = await self._account.update(step.kind, step.sid, values)
        self._journal.done(record, values, changed)
        self._made[step.kind] = changed


def creatable(kind: Kind) -> Literal[Kind.APP, Kind.FLOW]:
    """A kind that we create and delete; nothing else is ever asked for."""
    if kind not in (Kind.APP, Kind.FLOW):
        raise ValueError(f"a {kind} is neither created nor deleted here")
    return kind


def _joined(errors: Sequence[str]) -> str:
    return "; ".join(error.rstrip(".") for error in errors)
