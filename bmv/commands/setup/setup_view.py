"""What setup shows: the plan as a table, how far it came, and what comes next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.measure import Measurement
from rich.table import Column, Table
from rich.text import Text

from bmv.commands.invocation import invocation
from bmv.commands.plain import one_line, plain
from bmv.commands.setup.applying import Progress
from bmv.commands.setup.steps import Action, EnvStep, Made, ResourceStep, Step, Value
from bmv.telephony.account import Kind

NOTHING = "–"


class SetupView:
    """Writes to a console; whatever comes from outside is shown as plain text, never as markup or as an order to it."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def say(self, text: str, style: str = "") -> None:
        """A paragraph; lines are not broken, so that a program can read them too."""
        self.console.print(Text(plain(text), style=style), soft_wrap=True)

    def plan(self, steps: Sequence[Step], notes: Iterable[str]) -> None:
        """Every change, in the order in which it will be made."""
        table: RenderableType = _side_by_side(steps)
        any_width = self.console.options.update(max_width=10_000)
        if Measurement.get(self.console, any_width, table).minimum > self.console.width:
            table = _below_each_other(steps)
        self.console.print(table)
        self.notes(notes)

    def notes(self, notes: Iterable[str]) -> None:
        """What there is to know besides."""
        for note in notes:
            self.say(f"! {note}", "yellow")

    def left(self, left: Sequence[str]) -> None:
        """What an undo does not touch."""
        if left:
            self.say("Left as they are, since somebody else has changed or uses them (--force undoes them as well):")
            for each in left:
                self.say(f"  - {each}")

    def progress(self, progress: Progress, words: str) -> None:
        """What was done, what was not, and why."""
        for step in progress.done:
            self.say(f"done       {step.title}", "green")
        if progress.current is not None:
            style = "red" if not progress.perhaps_done else "yellow"
            self.say(f"{'unsure' if progress.perhaps_done else 'failed':<11}{progress.current.title}: {words}", style)
        for step in progress.waiting:
            self.say(f"not begun  {step.title}", "dim")

    def whats_next(self, number: str, missing: Sequence[str], *, flex: bool) -> None:
        """From here to the first call."""
        for problem in missing:
            self.say(f"! The server needs this before it can start: {problem}", "yellow")
        agent = ["Make an agent Available in Flex."] if flex else []
        steps = ["Start the server: make run", f"Check everything: {invocation()} doctor", *agent, f"Dial {number}."]
        self.say("\nWhat comes next:", "bold")
        for place, step in enumerate(steps, 1):
            self.say(f"  {place}. {step}")


def _side_by_side(steps: Sequence[Step]) -> Table:
    """What, now, then; only as narrow as leaves every address whole."""
    table = Table("What", "Now", "Then", pad_edge=False, header_style="bold", padding=(0, 2, 0, 0), box=None)
    for number, step in enumerate(steps, 1):
        table.add_row(Text(f"{number}. {_title(step)}", style="bold"))
        for label, before, after in _rows(step):
            table.add_row(label, before, after)
    return table


def _below_each_other(steps: Sequence[Step]) -> Group:
    """The same for narrow screens: what it will be stands below what it is."""
    labels = max((len(label) for step in steps for label, _, _ in _rows(step)), default=0)
    parts: list[RenderableType] = []
    for number, step in enumerate(steps, 1):
        grid = Table.grid(Column(width=labels), Column(), Column(overflow="fold"), padding=(0, 1, 0, 0))
        for label, before, after in _rows(step):
            if before.plain != NOTHING:
                grid.add_row(label, "", before)
            grid.add_row("" if before.plain != NOTHING else label, "→", after)
        parts += [Text(f"{number}. {_title(step)}", style="bold"), grid]
    return Group(*parts)


def _rows(step: Step) -> Iterator[tuple[Text, Text, Text]]:
    for change in step.changes:
        if change.before != change.after:
            before, after = change.told or (change.before, _text(change.after))
            yield Text(f"   {change.label}", no_wrap=True), _shown(before), _shown(after, "green")


def _shown(text: str, style: str = "") -> Text:
    return Text(one_line(text), style=style) if text else Text(NOTHING, style="dim")


def _title(step: Step) -> str:
    title = one_line(step.title)
    match step:
        case EnvStep(creates=True) | ResourceStep(action=Action.CREATE):
            return f"{title} (new)"
        case EnvStep(removes=True) | ResourceStep(action=Action.DELETE):
            return f"{title} (removed)"
    return title


def _text(value: Value) -> str:
    if isinstance(value, Made):
        return "the new Studio flow" if value.kind is Kind.FLOW else "the new TwiML App"
    return value
