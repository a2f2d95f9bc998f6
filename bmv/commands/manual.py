"""How help and refusals look: for a parser of argparse, drawn by rich; no colour where there is no terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from shutil import get_terminal_size
from typing import Any, NoReturn

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from rich_argparse import RichHelpFormatter

from bmv.commands.exits import EXIT_CODES, WRONG_SETTINGS
from bmv.config import parsers

WIDEST = 96  # columns; longer lines are no pleasure to read
FIRST_COLUMN = 10

Row = tuple[str, str]


class _Help(RichHelpFormatter):
    styles = RichHelpFormatter.styles | {"argparse.groups": "bold"}  # its own orange is hard to read on white
    group_name_formatter = str.capitalize
    help_markup = False
    text_markup = False

    def __init__(self, prog: str, **details: Any) -> None:
        look = {"max_help_position": 28, "width": min(get_terminal_size().columns - 2, WIDEST)}
        super().__init__(prog, **(look | details))


class Parser(argparse.ArgumentParser):
    """Also takes what rich can draw, as `rich_argparse` does, for what stands above and below the options."""

    def __init__(self, *, description: RenderableType, epilog: RenderableType, **details: Any) -> None:
        super().__init__(formatter_class=_Help, allow_abbrev=False, add_help=False, **details)
        self.description, self.epilog = description, epilog  # type: ignore[assignment]
        self.add_argument("-h", "--help", action="help", help="show this help")

    def error(self, message: str) -> NoReturn:
        """Refuse what makes no sense."""
        refuse(self, message)


def table_of(heading: str, rows: Iterable[Row]) -> RenderableType:
    """Words and what they mean, under a heading."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="argparse.args", no_wrap=True, min_width=FIRST_COLUMN)
    table.add_column(style="argparse.help")
    for row in rows:
        table.add_row(*row)
    return Group(_heading(heading), Padding(table, (0, 0, 1, 2)))


def examples_of(me: str, examples: Sequence[Row]) -> Iterable[RenderableType]:
    """What each example is for, and how it is typed after `me`."""
    if examples:
        lines = Text("\n").join(
            Text.assemble((f"# {what}\n", "dim"), (f"{me} {command}", "argparse.syntax")) for what, command in examples
        )
        yield _heading("Examples")
        yield Padding(lines, (0, 0, 1, 2))


def exit_codes(codes: Iterable[int]) -> RenderableType:
    """What these exit codes mean."""
    return table_of("Exit codes", [(str(code), EXIT_CODES[code]) for code in codes])


def _heading(text: str) -> Text:
    return Text(f"{text}:", style="argparse.groups")


def checked(parse: parsers.Parser) -> Callable[[str], object]:
    """A setting's parser as argparse wants one."""

    def check(text: str) -> object:
        try:
            return parse(text)
        except ValueError as wanted:
            raise argparse.ArgumentTypeError(f"must be {wanted}") from None

    return check


def refuse(parser: argparse.ArgumentParser, message: str, meant: str = "") -> NoReturn:
    """Say what makes no sense and what may have been meant, and exit."""
    console = Console(stderr=True, highlight=False)
    told = Text.assemble((f"{parser.prog}: ", "bold"), message, ".", f" Did you mean {meant}?" if meant else "")
    console.print(told, soft_wrap=True)
    console.print(f"Help: {parser.prog} --help", style="dim", soft_wrap=True)
    sys.exit(WRONG_SETTINGS)
