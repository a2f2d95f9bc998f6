"""Captions in a terminal: each turn stands there once for good, and grows before that only where it can be drawn."""

from __future__ import annotations

import contextlib
import io
import re
import time

from rich.console import Console

from bmv.call.captions import Caption
from bmv.call.leg import Role
from bmv.call.translator import CaptionKind
from bmv.commands.caption_view import CaptionView

CONTROL = re.compile(
    r"\x1b\[(?P<number>[\d;]*)(?P<command>[A-Za-z])|\x1b\[\?25[lh]|(?P<end>[\r\n])|(?P<text>[^\x1b\r\n]+)"
)


def original(text: str, speaker: Role = Role.CALLER, line: int = 1) -> Caption:
    return Caption("call-1", speaker, CaptionKind.ORIGINAL, line, text)


def translation(text: str, speaker: Role = Role.CALLER, line: int = 1, lag: float | None = None) -> Caption:
    return Caption("call-1", speaker, CaptionKind.TRANSLATION, line, text, lag)


def paper() -> Console:
    """No terminal: what is written stays."""
    return Console(file=io.StringIO(), force_terminal=False, width=80)


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=80, legacy_windows=False)


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def on_screen(text: str) -> list[str]:
    """The lines that somebody sees in the end: cursor up, erase line and overwriting are carried out."""
    screen, row, column = [""], 0, 0
    for found in CONTROL.finditer(text):
        match found["command"], found["end"]:
            case "A", _:
                row -= int(found["number"] or 1)
            case "K", _:
                screen[row] = ""
            case _, "\r":
                column = 0
            case _, "\n":
                row, column = row + 1, 0
                screen += [""] * (row + 1 - len(screen))
        if words := found["text"]:
            screen[row] = screen[row][:column].ljust(column) + words + screen[row][column + len(words) :]
            column += len(words)
    return [line.rstrip() for line in screen if line.strip()]


def test_a_turn_is_printed_once_and_only_when_it_is_complete() -> None:
    console = paper()
    with CaptionView(console) as view:
        for words in ("Buenas", "Buenas tardes", "Buenas tardes."):
            view.show(original(words))
        view.show(translation("Good afternoon."))
        assert written(console) == ""
    assert on_screen(written(console)) == [" caller  Buenas tardes.", "  heard  Good afternoon."]


def test_a_turn_is_printed_when_its_speaker_begins_the_next_with_every_word_that_came_late() -> None:
    console = paper()
    with CaptionView(console) as view:
        view.show(original("Buenas"))
        view.show(original("Hello.", Role.AGENT))
        view.show(original("Buenas tardes."))
        assert on_screen(written(console)) == []
        view.show(original("Otra cosa.", line=2))
        assert on_screen(written(console)) == [" caller  Buenas tardes."]


def test_both_sides_stand_in_the_order_in_which_they_spoke() -> None:
    console = paper()
    with CaptionView(console) as view:
        view.show(original("Buenas tardes."))
        view.show(translation("Good afternoon."))
        view.show(original("What is your order number?", Role.AGENT))
        view.show(translation("¿Cuál es el número de su pedido?", Role.AGENT))
        view.show(original("Doce.", line=2))
        view.show(translation("Twelve.", line=2))
    assert on_screen(written(console)) == [
        *(" caller  Buenas tardes.", "  heard  Good afternoon."),
        *("  agent  What is your order number?", "  heard  ¿Cuál es el número de su pedido?"),
        *(" caller  Doce.", "  heard  Twelve."),
    ]


def test_the_lag_is_shown_where_it_is_known() -> None:
    console = paper()
    with CaptionView(console) as view:
        view.show(translation("Good afternoon."))
        view.show(translation("Good afternoon.", lag=1.26))
        view.show(translation("Buenas tardes.", Role.AGENT))
    assert on_screen(written(console)) == ["  heard  Good afternoon.  (1.3 s behind)", "  heard  Buenas tardes."]


def test_a_line_longer_than_the_paper_is_wide_stays_one_line() -> None:
    console, words = paper(), "una palabra y otra " * 10
    with CaptionView(console) as view:
        view.show(original(words))
    assert on_screen(written(console)) == [f" caller  {words.strip()}"]


def test_a_call_without_a_word_leaves_nothing() -> None:
    console = paper()
    with CaptionView(console):
        pass
    assert written(console) == ""


def test_in_a_terminal_a_turn_is_drawn_while_it_grows() -> None:
    console = terminal()
    with CaptionView(console) as view:
        view.show(original("Buenas"))
        patience = time.monotonic() + 5
        while "Buenas" not in written(console):
            assert time.monotonic() < patience, "it was never drawn"
            time.sleep(0.01)
        view.show(original("Buenas tardes."))
    assert on_screen(written(console)) == [" caller  Buenas tardes."]


def test_in_a_terminal_nothing_stands_there_twice() -> None:
    turn = [" caller  Buenas tardes.", "  heard  Good afternoon.  (1.0 s behind)"]
    console = terminal()
    with CaptionView(console) as view:
        for line in (1, 2):
            for words in ("Buenas", "Buenas tardes."):
                view.show(original(words, line=line))
                view._live.refresh()  # as it does by itself ten times a second
            view.show(translation("Good afternoon.", line=line, lag=1.0))
            view._live.refresh()
            assert on_screen(written(console)) == turn * line
    assert on_screen(written(console)) == turn * 2


def test_what_was_said_is_printed_though_the_call_failed() -> None:
    console = paper()
    with contextlib.suppress(RuntimeError), CaptionView(console) as view:
        view.show(original("Buenas tardes."))
        raise RuntimeError
    assert on_screen(written(console)) == [" caller  Buenas tardes."]
