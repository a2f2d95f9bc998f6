"""What a serving process loads: only what it needs, since every module takes memory for as long as it runs."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
NOT_NEEDED = {
    "bmv.commands.arguments",  # of commands and their help
    "bmv.simulator",
    "charset_normalizer",
    "nanotts",
    "numpy.ma",  # of `np.median`, at its first call
    "pygments",
    "requests",  # of the twilio SDK's own transport
    "rich",
    "rich_argparse",
    "twilio.rest",
    "urllib3",
}
SERVE = """
import sys
from bmv.__main__ import main

assert main() == 2, "without settings it loads everything, and then says what is missing"

from bmv.audio.echo_path import HEARD, PLAYED, Comparison, EchoPath
from bmv.audio.music import hold_music

hold_music()
EchoPath(1000).learn(Comparison(bytes(PLAYED), bytes(HEARD), PLAYED))
print(*sys.modules)
"""


async def run(script: str, folder: Path, **environ: str) -> str:
    """What a Python process of its own prints."""
    path = {name: value for name, value in os.environ.items() if name in {"PATH", "LD_LIBRARY_PATH"}}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script),
        env=path | {"PYTHONPATH": str(ROOT)} | environ,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    return printed.decode()


async def test_a_serving_process_loads_nothing_that_only_other_commands_need(tmp_path: Path) -> None:
    loaded = (await run(SERVE, tmp_path)).split()
    assert "bmv.app" in loaded
    assert not NOT_NEEDED & set(loaded)


async def test_numpy_gets_no_threads_unless_somebody_wants_them(tmp_path: Path) -> None:
    script = "import os; from bmv.__main__ import main; main(); print(os.environ['OPENBLAS_NUM_THREADS'])"
    assert (await run(script, tmp_path)).split() == ["1"]
    assert (await run(script, tmp_path, OPENBLAS_NUM_THREADS="3")).split() == ["3"]


async def test_rich_is_there_for_those_who_want_it(tmp_path: Path) -> None:
    script = "from bmv.__main__ import main; main(); import rich.console; print(rich.__name__)"
    assert (await run(script, tmp_path)).split() == ["rich"]
