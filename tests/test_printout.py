import io
import json

from rich.console import Console

from bmv.commands.doctor.findings import Finding, Level
from bmv.commands.doctor.printout import Printout, write_json

FINDINGS = [
    Finding("settings", Level.OK, "all of them can be used"),
    Finding("queues", Level.WARNING, "nobody of “Everyone” is available now", "Log in to Flex. " * 12),
    Finding("certificate", Level.FAULT, "the certificate has expired", "Renew it."),
]


def printed(*, terminal: bool, width: int = 80) -> str:
    stream = io.StringIO()
    console = Console(
        file=stream,
        force_terminal=terminal,
        width=width,
        highlight=False,
        color_system="standard" if terminal else None,
    )
    printout = Printout([finding.name for finding in FINDINGS], console)
    for finding in FINDINGS:
        printout.show(finding)
    printout.conclude(FINDINGS)
    return stream.getvalue()


def test_without_a_terminal_a_finding_is_one_line_however_long_and_its_remedy_another() -> None:
    lines = printed(terminal=False).splitlines()

    assert lines[0] == "ok       settings     all of them can be used"
    assert lines[1] == "warning  queues       nobody of “Everyone” is available now"
    assert lines[2].strip() == f"→ {'Log in to Flex. ' * 12}".strip()
    assert lines[3] == "fault    certificate  the certificate has expired"
    assert lines[-1] == (
        "1 fault, 1 warning, 1 ok. Calls will not work, or not as they should, until the faults are mended."
    )


def test_without_a_terminal_there_is_no_colour() -> None:
    assert "\x1b" not in printed(terminal=False)


def test_in_a_terminal_there_is_colour_and_long_words_stay_in_their_column() -> None:
    text = printed(terminal=True, width=60)

    assert "\x1b[" in text
    plain = [_without_colour(line) for line in text.splitlines()]
    assert all(len(line) <= 60 for line in plain[:-1])
    assert any(line.startswith(" " * 22) and "Log in to Flex." in line for line in plain)


def test_on_a_narrow_screen_what_was_found_stands_below_its_name() -> None:
    lines = [_without_colour(line).rstrip() for line in printed(terminal=True, width=50).splitlines()]

    assert lines[:4] == [
        "ok  settings",
        "  all of them can be used",
        "warning  queues",
        "  nobody of “Everyone” is available now",
    ]
    assert lines[4].startswith("  → Log in to Flex. Log in")
    assert all(len(line) <= 50 for line in lines)


def test_the_json_is_one_object_with_every_finding_and_the_worst_level() -> None:
    stream = io.StringIO()

    write_json(FINDINGS, stream)

    report = json.loads(stream.getvalue())
    assert report["level"] == "fault"
    assert report["checks"][0] == {
        "name": "settings",
        "level": "ok",
        "message": "all of them can be used",
        "remedy": "",
    }
    assert [check["name"] for check in report["checks"]] == ["settings", "queues", "certificate"]


def _without_colour(line: str) -> str:
    plain, rest = "", line
    while "\x1b[" in rest:
        before, _, rest = rest.partition("\x1b[")
        plain, rest = plain + before, rest.partition("m")[2]
    return plain + rest
