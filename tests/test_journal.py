"""The journal: it knows what was there before us however often we have set something, and what is ours."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmv.commands.setup.env_file import EnvFile
from bmv.commands.setup.env_text import LineEdit
from bmv.commands.setup.journal import Journal, Records
from bmv.telephony.account import Kind, Resource


def number(voice_url: str) -> Resource:
    return Resource(Kind.NUMBER, "PN1", "+14155550100", {"voice_url": voice_url})


def test_before_a_change_it_is_on_the_disk_already(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path, Records("AC1"))
    assert journal.empty
    journal.mean_to_change(number("old"), {"voice_url": "old"}, {"voice_url": "ours"})
    read = Journal.read(path)
    assert read is not None
    assert read.records == journal.records
    record = read.find(Kind.NUMBER, "PN1")
    assert record is not None
    assert (record.values["voice_url"].first, record.values["voice_url"].ours) == ("old", ["ours"])


def test_the_first_value_stays_the_first_and_an_unanswered_one_counts_as_ours(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", Records("AC1"))
    for before, after in (("old", "one"), ("one", "two"), ("one", "three")):  # whether "two" came through is not known
        record = journal.mean_to_change(number(before), {"voice_url": before}, {"voice_url": after})
    value = record.values["voice_url"]
    assert (value.first, value.ours) == ("old", ["three", "two", "one"])
    journal.done(record, {"voice_url": "three"}, number("Three"))
    assert (value.first, value.ours) == ("old", ["three", "Three"])


def test_what_twilio_makes_of_a_value_is_as_good_as_the_value(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", Records("AC1"))
    record = journal.mean_to_change(number("old"), {"voice_url": "old"}, {"voice_url": "b,a"})
    journal.done(record, {"voice_url": "b,a"}, number("a,b"))
    assert journal.stands_for(number("a,b"), "voice_url", "b,a")
    assert not journal.stands_for(number("a,b"), "voice_url", "c")
    assert not journal.stands_for(number("c"), "voice_url", "b,a")


def test_a_value_of_somebody_else_becomes_the_one_before_us(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", Records("AC1"))
    for before in ("old", "theirs"):
        record = journal.mean_to_change(number(before), {"voice_url": before}, {"voice_url": "ours"})
    assert (record.values["voice_url"].first, record.values["voice_url"].ours) == ("theirs", ["ours"])


def test_what_was_begun_to_be_created_is_found_by_its_name_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", Records("AC1"))
    record = journal.mean_to_create(Kind.APP, "Be My Voice", {"voice_url": "ours"})
    assert record.sid == ""
    journal.adopt([Resource(Kind.FLOW, "FW1", "Be My Voice", {}), Resource(Kind.APP, "AP2", "Another", {})])
    assert record.sid == ""
    found = Resource(Kind.APP, "AP1", "Be My Voice", {})
    journal.adopt([found])
    journal.adopt([found])
    assert (record.sid, record.created, len(journal.records.resources)) == ("AP1", True, 1)


def test_when_all_is_undone_the_file_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path, Records("AC1"))
    record = journal.mean_to_change(number("old"), {"voice_url": "old"}, {"voice_url": "ours"})
    journal.forget(record, ["voice_url"])
    journal.save()
    assert journal.empty
    assert not path.exists()
    assert Journal.read(path) is None


def test_of_a_line_the_first_state_and_ours_are_kept(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", Records("AC1"))
    for before, after in ((None, "A=1"), ("A=1", "A=2"), ("A=2 # theirs", "A=3 # theirs")):
        journal.mean_to_write([LineEdit("A", before, after)])
    (line,) = journal.records.lines
    assert (line.before, line.ours) == ("A=2 # theirs", ["A=3 # theirs"])


lines = st.lists(st.sampled_from(["A=1", "B='2' # two", "export C=3", "# A=", "#B = x", "", "D=4", "X=5"]), max_size=8)
writes = st.lists(
    st.dictionaries(st.sampled_from("ABCZ"), st.sampled_from(["one", "two", "3"]), min_size=1), min_size=1, max_size=4
)


files = st.builds(
    lambda lines, end, closed: end.join(lines) + (end if closed and lines else ""),
    lines,
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)


@given(files, st.booleans(), writes)
def test_however_often_it_is_written_undo_gives_the_very_same_file(
    tmp_path_factory: pytest.TempPathFactory, text: str, there: bool, writes: list[dict[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("env")
    env, path = EnvFile.of(folder), folder / ".bmv-setup.json"
    (folder / (".env" if there else ".env.sample")).write_bytes(text.encode())
    for values in writes:
        journal = Journal.read(path) or Journal(path, Records("AC1"))
        env.write(values, journal)
    undo = Journal.read(path)
    assert undo is not None
    env.put_back(undo, force=False)
    assert not path.exists()
    assert env.text() == (text if there else None)
