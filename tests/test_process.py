"""The process from outside: how it is started, and what it says about settings that are missing."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).parent.parent


async def start(
    folder: Path, settings: dict[str, str], *, log: TextIO | int = asyncio.subprocess.PIPE
) -> asyncio.subprocess.Process:
    """`python -m bmv` in an empty folder with nothing but these settings; `log` is its standard error."""
    path = {name: value for name, value in os.environ.items() if name in {"PATH", "LD_LIBRARY_PATH"}}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bmv"),
        env=path | {"PYTHONPATH": str(ROOT)} | settings,  # the code beside these tests, whatever is installed
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=log,
    )


async def port_of(process: asyncio.subprocess.Process) -> int:
    """The port from the log line that says the server is serving."""
    assert process.stderr is not None
    async with asyncio.timeout(60):  # which it takes only where others keep the machine busy
        while line := await process.stderr.readline():
            if found := re.search(rb'"port": ?(\d+)', line):
                return int(found[1])
    raise AssertionError("the server never said where it listens")


async def test_without_settings_it_names_every_one_that_is_missing_and_points_to_the_demo(tmp_path: Path) -> None:
    process = await start(tmp_path, {})
    _, told = await process.communicate()
    assert process.returncode == 2
    for name in ("PUBLIC_HOST", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_CALLER_NUMBER", "OPENAI_API_KEY"):
        assert name.encode() in told
    assert b"python -m bmv setup" in told
    assert b"make demo" in told
    assert b"Traceback" not in told
