import asyncio
import json
import os
import sys
from pathlib import Path

import pytest
from house import HOST, KEY, TOKEN
from practice import Patient, practice

from bmv.commands.doctor import doctor
from bmv.simulator.twilio import Flex

pytestmark = pytest.mark.usefixtures("logs")


def written(patient: Patient, folder: Path, **changes: str) -> Path:
    """A folder with an .env that holds these settings."""
    lines = [f"{name}={text}" for name, text in (patient.settings | changes).items()]
    (folder / ".env").write_text("\n".join(lines), "utf-8")
    return folder


async def called(patient: Patient, folder: Path, *, as_json: bool = False) -> int:
    return await asyncio.to_thread(doctor, as_json=as_json, folder=folder, roads=patient.roads)


async def test_a_house_in_order_is_well_in_every_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with practice() as patient:
        code = await called(patient, written(patient, tmp_path))

    printed, complained = capsys.readouterr()
    lines = printed.splitlines()
    assert code == 0, printed
    assert lines[-1] == f"{len(lines) - 2} ok. All is well."
    assert all(line.startswith("ok ") for line in lines[:-2])
    assert f"https://{HOST}/live is answered by this server" in printed
    assert complained == ""
    assert TOKEN not in printed
    assert KEY not in printed


async def test_it_changes_nothing_at_twilio_and_says_nothing_to_openai() -> None:
    async with practice() as patient:
        before = len(patient.house.twilio.requests)
        await patient.examine()
        asked = patient.house.twilio.requests[before:]
        (session,) = patient.house.openai.sessions

    assert {request.method for request in asked} == {"GET"}
    assert session.samples == 0
    assert session.closed_by is not None


async def test_a_fault_is_told_by_the_exit_code_and_a_warning_by_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with practice() as patient:
        patient.house.twilio.account.profiles.clear()
        warned = await called(patient, written(patient, tmp_path))
        warnings = capsys.readouterr().out
        patient.house.twilio.account.flex = Flex(status="inprogress")
        faulty = await called(patient, tmp_path)

    assert (warned, faulty) == (3, 1)
    assert "1 warning, " in warnings.splitlines()[-1]
    assert capsys.readouterr().out.splitlines()[-1].startswith("1 fault, 4 warnings, ")


async def test_json_is_all_that_is_written_and_has_every_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with practice() as patient:
        code = await called(patient, written(patient, tmp_path, TWILIO_FLEX_NUMBER="+14155550177"), as_json=True)

    report = json.loads(capsys.readouterr().out)
    assert code == 1
    assert report["level"] == "fault"
    assert all(check.keys() == {"name", "level", "message", "remedy"} for check in report["checks"])
    (bad,) = (check for check in report["checks"] if check["level"] == "fault")
    assert bad["name"] == "flex number"
    assert "no number of this account" in bad["message"]
    assert bad["remedy"]


async def test_where_standard_output_is_closed_the_exit_code_is_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with practice() as patient:
        monkeypatch.setattr("sys.stdout", None)  # as Python has it then
        assert await called(patient, written(patient, tmp_path), as_json=True) == 0


async def test_without_any_settings_every_line_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with practice() as patient:
        (tmp_path / ".env").write_text(f"TWILIO_API_BASE_URL={patient.house.twilio.url}\nAPI_PORT=0\n")
        code = await called(patient, tmp_path, as_json=True)

    checks = json.loads(capsys.readouterr().out)["checks"]
    (missing,) = [check["message"] for check in checks if check["name"] == "settings"]
    assert code == 1
    assert {"PUBLIC_HOST,", "TWILIO_AUTH_TOKEN,", "OPENAI_API_KEY"} <= set(missing.split())
    assert {check["name"] for check in checks if check["level"] == "fault"} == {"settings"}
    assert {check["name"] for check in checks if check["level"] == "ok"} >= {"languages", "clock"}
    skipped = [check for check in checks if check["message"].startswith("not checked")]
    assert len(skipped) >= 12
    assert not [check for check in checks if "doctor itself failed" in check["message"]]


async def test_an_env_file_that_cannot_be_read_is_a_fault_and_no_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".env").write_bytes(b"\xff\xfe\x00PUBLIC_HOST")
    async with practice() as patient:
        code = await called(patient, tmp_path)

    printed = capsys.readouterr().out
    assert code == 1
    assert ".env cannot be read" in printed


@pytest.mark.parametrize(
    "changes",
    [
        {"CALLER_LANGUAGES": "klingon"},
        {"TRANSLATOR": "nobody"},
        {"TRANSLATOR_FALLBACK": "openai"},
        {"AGENT_LANGUAGE": "[language]"},
        {"API_PORT": "many"},
        {"API_HOST": "two words"},
        {"OPENAI_BASE_URL": "ftp://example.com"},
        {"TWILIO_API_BASE_URL": "nowhere"},
        {"TWILIO_ACCOUNT_SID": "AC123"},
        {"TWILIO_FLEX_APP_SID": "nothing"},
        {"AGENT_DESTINATION": "somewhere"},
        {"PROMPTS_CACHE_DIR": "~nobody-has-this-name/cache"},
        {"HOLD_AUDIO": "/nowhere/music.wav"},
        {"GLOSSARY_FILE": "/nowhere/glossary.toml"},
        {"OPENAI_SPEECH_MODEL": "two words"},
        {"TRANSLATION_REGISTER": "rude"},
    ],
)
async def test_any_single_setting_may_be_wrong_and_no_check_stumbles_over_it(changes: dict[str, str]) -> None:
    async with practice() as patient:
        found = await patient.examine(**changes)

    assert found.of("settings").level == "fault"
    assert not [finding for finding in found if "doctor itself failed" in finding.message]


async def test_the_command_is_a_process_of_its_own_with_an_exit_code(tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:1"
    settings = {"TWILIO_API_BASE_URL": nowhere, "OPENAI_BASE_URL": f"{nowhere}/v1", "API_PORT": "0"}
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path.cwd()), "HOME": str(tmp_path)} | settings
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bmv", "doctor", "--json"),
        cwd=tmp_path,
        env=environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    written, complained = await process.communicate()

    assert complained == b""
    assert json.loads(written)["level"] == "fault"
    assert process.returncode == 1
