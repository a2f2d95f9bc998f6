"""The .env editor: it changes one line, keeps all the others as they are, and can take each change back."""

from __future__ import annotations

import string
from io import StringIO
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import assume, example, given
from hypothesis import strategies as st

from bmv.commands.setup.env_text import EnvTextError, holds, overwritten, restored, set_value, value_of
from bmv.config import read_environment

NAMES = ("PUBLIC_HOST", "TWILIO_AUTH_TOKEN", "A")
ROOT = Path(__file__).parent.parent

values = st.text(alphabet=string.ascii_letters + string.digits + string.punctuation, min_size=1)
plain_values = st.text(alphabet=string.ascii_letters + string.digits + "+-._", min_size=1)
fragments = st.sampled_from(
    [
        *NAMES,
        *(
            "=",
            "\n",
            "\r\n",
            "\r",
            "#",
            " ",
            "\t",
            "'",
            '"',
            "\\",
            "export ",
            "\x0b",
            "\u2028",
            "\ufeff",
            "$",
            "x",
            "ü",
        ),
    ]
)
texts = st.one_of(st.text(st.characters(codec="utf-8")), st.lists(fragments, max_size=40).map("".join))


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        ("PUBLIC_HOST=", "PUBLIC_HOST=new"),
        ("PUBLIC_HOST=old", "PUBLIC_HOST=new"),
        ("PUBLIC_HOST = old", "PUBLIC_HOST = new"),
        ("export PUBLIC_HOST=old", "export PUBLIC_HOST=new"),
        ("  export  PUBLIC_HOST = 'old'   # why", "  export  PUBLIC_HOST = 'new'   # why"),
        ('PUBLIC_HOST="old"# why', 'PUBLIC_HOST="new"# why'),
        ("'PUBLIC_HOST'=old", "'PUBLIC_HOST'=new"),
        ("PUBLIC_HOST=old # why", "PUBLIC_HOST=new # why"),
        ("PUBLIC_HOST=old#er\t# why", "PUBLIC_HOST=new\t# why"),
        ("PUBLIC_HOST= # why", "PUBLIC_HOST= new # why"),
        ("PUBLIC_HOST=old   ", "PUBLIC_HOST=new   "),
        ("PUBLIC_HOST", "PUBLIC_HOST=new"),
        ("PUBLIC_HOST # why", "PUBLIC_HOST=new # why"),
        ("export PUBLIC_HOST# why", "export PUBLIC_HOST=new # why"),
        ('PUBLIC_HOST="two\nlines" # why', 'PUBLIC_HOST="new" # why'),
        ("PUBLIC_HOST=old\nPUBLIC_HOST=older", "PUBLIC_HOST=old\nPUBLIC_HOST=new"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_line_keeps_all_but_its_value(line: str, changed: str, end: str, mark: str) -> None:
    text = f"{mark}# first{end or chr(10)}{line}{end}"
    new, edit = set_value(text, "PUBLIC_HOST", "new")
    assert new == f"{mark}# first{end or chr(10)}{changed}{end}"
    assert restored(new, edit) == text


@pytest.mark.parametrize("sample", ["# A=", "#A=5", "  # A = five", "# export A=5"])
def test_a_line_that_is_commented_out_gets_the_value_right_below(sample: str) -> None:
    text = f"B=1\r\n\r\n# About A.\r\n{sample}\r\n\r\n# About C.\r\nC=2\r\n"
    new, edit = set_value(text, "A", "7")
    assert new == text.replace(sample, f"{sample}\r\nA=7")
    assert restored(new, edit) == text


@pytest.mark.parametrize("text", ["# AA=1\n", "# the A= of all things\n", "BA=1\n", ""])
def test_another_name_is_not_taken_for_it(text: str) -> None:
    assert set_value(text, "A", "7")[0] == text + "A=7\n"


def test_at_the_end_a_line_begins_on_a_line_of_its_own() -> None:
    new, first = set_value("B=1", "A", "7")
    assert new == "B=1\nA=7\n"
    newer, second = set_value(new, "C", "8")
    assert newer == "B=1\nA=7\nC=8\n"
    assert restored(restored(newer, second) or "", first) == "B=1"


@pytest.mark.parametrize("value", ["a#b", "#a", "it's", 'say"so"', "back\\slash", "$HOME", "'\"\\", "`x`", "a\\'b"])
@pytest.mark.parametrize("line", ["", "A=", "A=''", 'A=""', "A='it\\'s' # why", "# A=\n"])
def test_every_value_is_read_as_it_was_meant(value: str, line: str, tmp_path: Path) -> None:
    new, edit = set_value(line, "A", value)
    (tmp_path / ".env").write_bytes(new.encode())
    assert read_environment(tmp_path / ".env", {})["A"] == value == value_of(new, "A")
    assert restored(new, edit) == line


def test_what_others_changed_meanwhile_is_kept() -> None:
    new, edit = set_value("B=1\nA=5 # five\nC=2\n", "A", "7")
    assert restored(f"# mine\n\n\n{new.replace('C=2', 'C=3')}D=4\n", edit) == "# mine\n\n\nB=1\nA=5 # five\nC=3\nD=4\n"


def test_a_line_that_others_changed_is_not_put_back_unless_that_is_wanted() -> None:
    new, edit = set_value("A=5\n", "A", "7")
    assert restored(new.replace("7", "8"), edit) is None
    assert overwritten(new.replace("7", "8"), edit) == "A=5\n"
    assert overwritten("B=1\n", edit) is None


def test_it_is_known_what_the_line_that_counts_reads() -> None:
    assert holds("A=1\nA=2\n", "A", "A=2")
    assert not holds("A=1\nA=2\n", "A", "A=1")
    assert holds("B=1\n# A=1\n", "A", None)
    assert not holds("A=\n", "A", None)


def test_the_sample_takes_every_setting_where_it_is_explained() -> None:
    text = (ROOT / ".env.sample").read_text("utf-8")
    new, _ = set_value(text, "TWILIO_FLEX_APP_SID", "AP" + "1" * 32)
    lines = new.splitlines()
    assert lines[lines.index("# TWILIO_FLEX_APP_SID=") + 1] == "TWILIO_FLEX_APP_SID=AP" + "1" * 32
    new, _ = set_value(text, "PUBLIC_HOST", "voice.example.com")
    assert new == text.replace("\nPUBLIC_HOST=\n", "\nPUBLIC_HOST=voice.example.com\n")


def as_read(text: str) -> dict[str, str | None]:
    """What the library reads in a file of this text, of which the line ends are as they are."""
    return dotenv_values(stream=StringIO(text.encode().decode("utf-8-sig"), newline=""), interpolate=False)


@given(texts, st.sampled_from(NAMES), plain_values)
@example("\ufeff\ufeff", "A", "7")
@example("A='", "A", "7")
@example("A", "A", "7")
def test_any_text_takes_a_value_and_gives_it_back(text: str, name: str, value: str) -> None:
    try:
        new, edit = set_value(text, name, value)
    except EnvTextError:
        assume(False)
        raise
    assert as_read(new) == as_read(text) | {name: value}
    assert restored(new, edit) == text


@given(texts.filter(lambda text: not set(text) & set("'\"")), st.sampled_from(NAMES), values)
def test_where_no_quote_is_open_every_value_can_be_written(text: str, name: str, value: str) -> None:
    new, edit = set_value(text, name, value)
    assert value_of(new, name) == value
    assert restored(new, edit) == text


@given(texts, st.lists(st.tuples(st.sampled_from(NAMES), plain_values), max_size=5))
def test_several_changes_are_taken_back_in_turn(text: str, changes: list[tuple[str, str]]) -> None:
    new, edits = text, []
    for name, value in changes:
        try:
            new, edit = set_value(new, name, value)
        except EnvTextError:
            continue
        edits.append(edit)
    for edit in reversed(edits):
        put_back = restored(new, edit)
        assert put_back is not None
        new = put_back
    assert new == text
