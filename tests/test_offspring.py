"""Processes that do not outlive the one that started them."""

from __future__ import annotations

import asyncio
import sys

import pytest

PARENT = """
import subprocess, sys
from bmv.commands.offspring import die_with_parent
child = "import time; print('here', flush=True); time.sleep(600)"
subprocess.Popen([sys.executable, "-c", child], preexec_fn=die_with_parent()).wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of their parent's death")
async def test_who_is_killed_leaves_no_child_behind() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"here\n"
    process.kill()
    assert await asyncio.wait_for(process.stdout.read(), 20) == b"", "nobody has it open any more"
    await process.wait()
