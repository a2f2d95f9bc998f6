"""Questions to whoever sits at the terminal, if anybody does."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.prompt import Confirm, Prompt
from rich.text import Text

from bmv.commands.plain import plain
from bmv.commands.setup.request import SetupFailed
from bmv.config.parsers import Parser

OUTSIDE_A_TERMINAL = 400
"""Columns where nobody's screen sets the limit: an address shall not be broken where a program reads it."""


class Asker:
    """Asks in a terminal. Where there is none, `present` is False and nothing may be asked."""

    def __init__(self, console: Console, *, present: bool) -> None:
        self._console = console
        self.present = present

    @classmethod
    def at_this_terminal(cls, console: Console) -> Asker:
        """Somebody is there when both what is typed and what is shown is a terminal."""
        return cls(console, present=console.is_terminal and sys.stdin is not None and sys.stdin.isatty())

    def value(self, question: str, parse: Parser, *, secret: bool = False, optional: bool = False) -> str:
        """Ask until the answer is of use; "" where it may be left out and is. A secret is not shown."""
        while True:
            text = self._prompt(question, secret=secret).strip()
            if not text and optional:
                return ""
            try:
                parse(text)
            except ValueError as wanted:
                self._console.print(Text(f"It must be {wanted}.", style="yellow"))
            else:
                if text:
                    return text

    def one_of(self, question: str, options: Sequence[str]) -> int:
        """Show a numbered list and ask for a number; returns its place in the list."""
        for number, option in enumerate(options, 1):
            self._console.print(Text(f"  {number}  {plain(option)}"), soft_wrap=True)
        choices = [str(number) for number, _ in enumerate(options, 1)]
        while (chosen := self._prompt(f"{question} [1-{len(options)}]").strip()) not in choices:
            self._console.print(Text("One of the numbers on the left, please.", style="yellow"))
        return int(chosen) - 1

    def agrees(self, question: str) -> bool:
        """Yes or no; no is the answer of whoever just presses Enter."""
        try:
            return Confirm.ask(Text(question), console=self._console, default=False)
        except EOFError:
            raise SetupFailed("Nothing was answered, and nothing was changed.") from None

    def _prompt(self, question: str, *, secret: bool = False) -> str:
        try:
            return str(
                Prompt.ask(Text(question), console=self._console, password=secret, default="", show_default=False)
            )
        except EOFError:
            raise SetupFailed("Nothing was answered, and nothing was changed.") from None


def console() -> Console:
    """Where everything is shown: without colour where there is no terminal."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that cannot show “ shall show something else
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=OUTSIDE_A_TERMINAL)
