"""What can be typed: commands, options and mistakes, with the exit codes that scripts see."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import Sequence
from configparser import ConfigParser
from pathlib import Path

import pytest

from bmv import __version__
from bmv.commands import RUN
from bmv.commands.arguments import COMMANDS, parse
from bmv.commands.exits import EXIT_CODES

ROOT = Path(__file__).parent.parent
NAMES = [each.name for each in COMMANDS]
PIPED = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "COLUMNS", "API_TOKEN")}


async def typed(*arguments: str, folder: Path, **environ: str) -> tuple[int | None, str, str]:
    """`python -m bmv …` in a folder of its own: exit code, standard output, standard error."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bmv", *arguments),
        env=PIPED | {"PYTHONPATH": str(ROOT)} | environ,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), timeout=30)
    return process.returncode, out.decode(), err.decode()


# -- what is understood -----------------------------------------------------------------------------------------------


def test_without_a_word_it_serves_as_in_production() -> None:
    assert vars(parse([])) == vars(parse(["serve"])) == {"command": "serve", "reload": False}
    assert parse(["serve", "--reload"]).reload


def test_setup_takes_what_it_shall_do_and_how() -> None:
    nothing = {"host": None, "caller_number": None, "flex_number": None, "studio": None, "app": False}
    how = {"dry_run": False, "yes": False, "force": False, "undo": False}
    assert vars(parse(["setup"])) == {"command": "setup"} | nothing | how
    chosen = parse(
        ["setup", "--host", "https://Voice.example.com/", "--caller-number", "+1 415 555 0100", "--no-studio"]
    )
    assert (chosen.host, chosen.caller_number, chosen.studio) == ("voice.example.com", "+14155550100", False)
    assert parse(["setup", "--studio", "--app", "--dry-run", "--yes", "--force", "--undo"]).studio is True


def test_doctor_demo_and_call_take_their_options() -> None:
    assert parse(["doctor", "--json"]).json
    assert parse(["demo"]).recordings == Path("recordings")
    call = parse(["call", "+34911222333", "--language", "es", "--agent", "flex", "--server", "http://127.0.0.1:1"])
    assert (call.to, call.language, call.agent, call.server) == ("+34911222333", "es", "flex", "http://127.0.0.1:1")


def test_every_command_can_be_run() -> None:
    assert list(RUN) == NAMES


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["docter"], "there is no command 'docter'. Did you mean doctor?"),
        (["xyzzy"], "there is no command 'xyzzy'."),
        (["setup", "--dryrun"], "there is no option --dryrun. Did you mean --dry-run?"),
        (["setup", "--dry"], "there is no option --dry. Did you mean --dry-run?"),  # half a word is no option
        (["--reload"], "there is no option --reload. Did you mean serve --reload?"),
        (["--json"], "there is no option --json. Did you mean doctor --json?"),
        (["--dry-run"], "there is no option --dry-run. Did you mean setup --dry-run?"),
        (["serve", "--dry-run"], "there is no option --dry-run. Did you mean setup --dry-run?"),
        (["--reload", "serve"], "options stand behind the command. Did you mean serve --reload?"),
        (["help"], "there is no command 'help'. Did you mean --help?"),
        (["Serve"], "there is no command 'Serve'. Did you mean serve?"),
        (["--", "serve"], "there is no option --."),
        (["--versoin"], "there is no option --versoin. Did you mean --version?"),
        (["doctor", "now"], "'now' is one word too many."),
        (["call", "+34911222333"], "the following arguments are required: --language."),
        (["setup", "--host", "example.com/path"], "argument --host: must be the host name alone"),
        (["setup", "--flex-number", "911"], "argument --flex-number: must be a phone number with + and country code"),
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_is_refused_with_a_hint(
    arguments: Sequence[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        parse(arguments)
    assert refused.value.code == 2
    shown = capsys.readouterr()
    assert told in shown.err
    assert re.search(r"^Help: \S.* --help$", shown.err, re.MULTILINE)
    assert shown.out == ""


# -- help -------------------------------------------------------------------------------------------------------------


def help_of(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as left:
        parse([*arguments, "--help"])
    assert left.value.code == 0
    return capsys.readouterr().out


def test_help_lists_every_command_and_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    shown = help_of([], capsys)
    for name, summary in [(each.name, each.summary) for each in COMMANDS]:
        assert re.search(rf"^  {name} +{re.escape(summary[:20])}", shown, re.MULTILINE), name
    for code, meaning in EXIT_CODES.items():
        assert re.search(rf"^  {code} +{re.escape(meaning)}$", shown, re.MULTILINE), code


@pytest.mark.parametrize("columns", [60, 80, 200])
@pytest.mark.parametrize("command", [[], *([name] for name in NAMES)], ids=lambda words: " ".join(words) or "bmv")
def test_help_is_as_wide_as_the_terminal_and_no_wider_than_eyes_like(
    command: list[str], columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = help_of(command, capsys)
    commands_typed = [line for line in shown.splitlines() if line.startswith("  python -m bmv")]  # to be copied whole
    assert max(len(line) for line in shown.splitlines() if line not in commands_typed) <= min(columns, 100)


def test_every_example_in_the_help_can_be_typed(capsys: pytest.CaptureFixture[str]) -> None:
    examples = [words for each in COMMANDS for _, words in each.examples]
    assert examples
    for words in examples:
        assert parse(words.split()).command == words.split()[0]


async def test_help_has_no_colour_where_there_is_no_terminal(tmp_path: Path) -> None:
    code, shown, err = await typed("setup", "--help", folder=tmp_path)
    assert (code, err) == (0, "")
    assert "Examples:" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("environ", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)], ids=["terminal", "NO_COLOR"]
)
async def test_help_has_colour_in_a_terminal_unless_somebody_minds(
    tmp_path: Path, environ: dict[str, str], coloured: bool
) -> None:
    ours, theirs = os.openpty()
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bmv", "version", "--help"),
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"} | environ,
            cwd=tmp_path,
            stdout=theirs,
        )
        assert await asyncio.wait_for(process.wait(), timeout=30) == 0
        shown = os.read(ours, 65_536).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert "Exit codes" in shown
    assert ("\x1b[38" in shown or "\x1b[36m" in shown) is coloured


# -- exit codes -------------------------------------------------------------------------------------------------------


async def test_version_tells_what_a_bug_report_needs(tmp_path: Path) -> None:
    code, shown, _ = await typed("version", folder=tmp_path)
    assert code == 0
    assert shown.splitlines()[0] == f"bmv {__version__}"
    for name in ("Python", "OpenSSL", "aiohttp", "twilio"):
        assert re.search(rf"{name}\b.* \d+\.\d+", shown), name
    assert await typed("--version", folder=tmp_path) == (0, f"bmv {__version__}\n", "")


async def test_failed_and_wrong_are_told_apart(tmp_path: Path) -> None:
    call = ["call", "+34911222333", "--language", "es"]
    code, _, told = await typed(*call, folder=tmp_path)
    assert code == 2
    assert "API_TOKEN is not set" in told
    code, _, told = await typed(*call, "--server", "http://127.0.0.1:1", folder=tmp_path, API_TOKEN="x" * 16)
    assert code == 1
    assert "cannot be reached" in told
    code, _, told = await typed("cal", folder=tmp_path)
    assert code == 2
    assert "Did you mean call?" in told


async def test_ctrl_c_ends_a_command_with_130_and_without_a_traceback(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", "-m", "bmv", "demo"),
        env=PIPED | {"PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    await asyncio.wait_for(process.stdout.readline(), timeout=30)
    process.send_signal(signal.SIGINT)
    _, told = await asyncio.wait_for(process.communicate(), timeout=30)
    assert process.returncode == 130
    assert b"Traceback" not in told


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [["version"], ["setup", "--help"]], ids=" ".join)
async def test_a_reader_who_leaves_early_hears_no_complaint(
    tmp_path: Path, arguments: list[str], unbuffered: str
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bmv", *arguments),
        env=PIPED | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": unbuffered},
        cwd=tmp_path,
        stdout=writer,
        stderr=asyncio.subprocess.PIPE,
    )
    os.close(writer)
    _, told = await asyncio.wait_for(process.communicate(), timeout=30)
    assert told == b""
    assert process.returncode in (0, 1)  # 0 where argparse takes no notice


async def test_a_terminal_without_our_letters_gets_the_others(tmp_path: Path) -> None:
    code, shown, err = await typed("call", "--help", folder=tmp_path, PYTHONIOENCODING="ascii")
    assert (code, err) == (0, "")
    assert "a phone number, sip:?" in re.sub(r"\s+", " ", shown)


async def test_the_installed_command_is_the_same_and_hands_its_exit_code_on(tmp_path: Path) -> None:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", "utf-8")
    module, _, function = setup["options.entry_points"]["console_scripts"].strip().removeprefix("bmv = ").partition(":")
    script = tmp_path / "bmv"  # as pip writes it
    script.write_text(f"import sys\nfrom {module} import {function}\nsys.exit({function}())\n")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(script), "docter"),
        env=PIPED | {"PYTHONPATH": str(ROOT)},
        stderr=asyncio.subprocess.PIPE,
    )
    _, told = await asyncio.wait_for(process.communicate(), timeout=30)
    assert process.returncode == 2
    assert told.decode().splitlines() == ["bmv: there is no command 'docter'. Did you mean doctor?", "Help: bmv --help"]
