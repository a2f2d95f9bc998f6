"""What setup needs to know before it asks Twilio: all that is missing or wrong is told at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from settingup import ACCOUNT, CALLER, FLEX, HOST, NAMED, SHORT, TOKEN, nothing_set, place

from bmv.commands.setup import SetupRequest, setup

__all__ = ["nothing_set"]
Capture = pytest.CaptureFixture[str]


async def no_tunnel(_port: int) -> str | None:
    return None


def told(folder: Path, capsys: Capture, **options: object) -> str:
    """What it says where it cannot begin; nothing is written."""
    before = sorted(folder.iterdir())
    assert setup(SetupRequest(**options), folder, tunnel=no_tunnel) == 2  # type: ignore[arg-type]
    assert sorted(folder.iterdir()) == before
    return capsys.readouterr().err


def test_all_that_is_missing_is_listed_at_once(tmp_path: Path, capsys: Capture) -> None:
    said = told(tmp_path, capsys)
    for name in ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "PUBLIC_HOST", "OPENAI_API_KEY", "--host"):
        assert name in said
    assert "TWILIO_CALLER_NUMBER" not in said  # which it finds


def test_what_is_wrong_is_listed_beside_what_is_missing_and_no_secret_is_shown(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / ".env").write_text(
        f"TWILIO_ACCOUNT_SID=ABC\nTWILIO_AUTH_TOKEN={ACCOUNT}\nNGROK_DOMAIN=a/b\nCALLER_LANGUAGES=klingon\n"
    )
    said = told(tmp_path, capsys)
    for name in ("TWILIO_ACCOUNT_SID must be", "TWILIO_AUTH_TOKEN must be", "NGROK_DOMAIN must be", "CALLER_LANGUAGES"):
        assert said.count(name) == 1
    assert "PUBLIC_HOST is not set" not in said
    assert ACCOUNT not in said


def test_an_unreadable_env_file_is_named(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / ".env").write_bytes(b"PUBLIC_HOST=\xff\n")
    assert ".env cannot be read" in told(tmp_path, capsys)


def test_undo_needs_the_account_alone(tmp_path: Path, capsys: Capture) -> None:
    assert setup(SetupRequest(undo=True), tmp_path, tunnel=no_tunnel) == 0
    assert "Nothing to undo" in capsys.readouterr().out
    (tmp_path / ".bmv-setup.json").write_text(f'{{"account_sid": "{ACCOUNT}"}}')
    said = told(tmp_path, capsys, undo=True)
    assert "TWILIO_ACCOUNT_SID" in said
    assert "PUBLIC_HOST" not in said


async def test_a_missing_key_of_openai_does_not_stand_in_the_way_but_is_pointed_out(
    tmp_path: Path, capsys: Capture
) -> None:
    async with place(tmp_path, capsys) as home:
        home.env.write_text(home.env.read_text("utf-8").replace("OPENAI_API_KEY=sk-of-the-tests", ""), "utf-8")
        ran = await home.setup(**NAMED, yes=True)
        assert ran.code == 0
        assert "! The server needs this before it can start: OPENAI_API_KEY is not set." in ran.out


async def test_options_win_over_settings(tmp_path: Path, capsys: Capture) -> None:
    env = "PUBLIC_HOST=[your host]\nTWILIO_CALLER_NUMBER=nonsense\nTWILIO_FLEX_NUMBER=+1 (415) 555-0111\n"
    async with place(tmp_path, capsys, env=env) as home:
        assert (await home.setup(**NAMED, yes=True)).code == 0
        text = home.env.read_text("utf-8")
        for line in (f"PUBLIC_HOST={HOST}", f"TWILIO_CALLER_NUMBER={CALLER}", f"TWILIO_FLEX_NUMBER={FLEX}"):
            assert f"{line}\n" in text


async def test_how_a_value_is_written_does_not_matter_where_it_means_the_same(tmp_path: Path, capsys: Capture) -> None:
    env = f'PUBLIC_HOST="https://{HOST.upper()}/"\nTWILIO_CALLER_NUMBER=+1 415 555 0100\n'
    async with place(tmp_path, capsys, env=env) as home:
        assert (await home.setup(flex_number=FLEX, yes=True)).code == 0
        assert home.env.read_text("utf-8").startswith(
            f"# Ours.\nTWILIO_ACCOUNT_SID={ACCOUNT}\nTWILIO_AUTH_TOKEN='{TOKEN}'"
        )
        assert env in home.env.read_text("utf-8")


async def test_credentials_that_twilio_does_not_accept_are_explained(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys, env="TWILIO_AUTH_TOKEN=another\n") as home:
        ran = await home.setup(**NAMED, yes=True)
        assert (ran.code, ran.writes) == (2, [])
        assert "TWILIO_AUTH_TOKEN" in ran.err
        assert "console.twilio.com" in ran.err
        assert ran.err.count("\n") == 1


async def test_a_twilio_that_cannot_be_reached_is_said_so(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys, env="TWILIO_API_BASE_URL=http://127.0.0.1:1\n") as home:
        ran = await home.setup(**NAMED, yes=True)
        assert ran.code == 1
        assert "cannot be reached" in ran.err
        assert "http://127.0.0.1:1" in ran.err


async def test_an_account_that_is_closed_is_said_so(tmp_path: Path, capsys: Capture) -> None:
    async with place(tmp_path, capsys) as home:
        home.twilio.account.status = "suspended"
        ran = await home.setup(**NAMED, yes=True)
        assert (ran.code, ran.writes) == (1, [])
        assert "suspended" in ran.err


async def test_a_question_that_is_refused_or_never_answered_ends_it_before_it_begins(
    tmp_path: Path, capsys: Capture
) -> None:
    async with place(tmp_path, capsys) as home:
        before = home.state()
        home.twilio.refuse_next("GET", "Workspaces")
        ran = await home.setup(**NAMED, yes=True)
        assert (ran.code, ran.writes) == (1, [])
        assert "20500" in ran.err
        home.twilio.hang_next("GET", "Flows", 60)
        ran = await home.setup(**NAMED, yes=True, seconds=SHORT)
        assert (ran.code, ran.writes) == (1, [])
        assert "did not answer" in ran.err
        assert home.state() == before
