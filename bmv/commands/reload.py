"""`python -m bmv serve --reload`: serve in a child process, and start it again when the code or `.env` changes.

For development. The running calls outlive a change: the old server refuses new ones and ends with the last of them.
Only then the next one starts, since both need the same port.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Any

from rich.console import Console

import bmv
from bmv.call.alongside import alongside
from bmv.commands import tunnel
from bmv.commands.announcement import PublicHost, announce, public_host
from bmv.commands.exits import DONE, FAILED
from bmv.commands.offspring import die_with_parent
from bmv.config import read_environment
from bmv.errors import SettingsError

STOP_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
PACKAGE = Path(bmv.__file__).parent
LONGEST_GRACE = "86400"  # seconds, the most that SHUTDOWN_GRACE_SECONDS may be: calls end by themselves
QUIET_SECONDS = 1.0  # a server without calls ends within this; only a longer wait is worth a word
ASK_AGAIN_SECONDS = 2.0


class Phase(Enum):
    """What the supervisor is about."""

    WAITING = "no server runs; it starts at the next change"
    SERVING = "a server runs"
    RESTARTING = "a server ends, and the next one starts"
    DRAINING = "the same, and it was said that calls are waited for"
    HURRYING = "the same, but its calls are being ended"
    STOPPING = "a server ends with its last call, and so do we"


ON_INTERRUPT = {
    Phase.WAITING: (Phase.STOPPING, False),
    Phase.SERVING: (Phase.STOPPING, True),
    Phase.RESTARTING: (Phase.STOPPING, False),
    Phase.DRAINING: (Phase.HURRYING, True),
    Phase.HURRYING: (Phase.STOPPING, False),
    Phase.STOPPING: (Phase.STOPPING, True),
}
"""What Ctrl-C does: the next phase, and whether the server is told. Told twice, a server ends its calls."""

ON_TERMINATE = ON_INTERRUPT | {Phase.DRAINING: (Phase.STOPPING, False)}
"""What SIGTERM does: it always means that no further server shall start."""


def reload(folder: Path = Path()) -> int:
    """Serve, again and again, until told to stop. Returns the exit code: that of the last server.

    `folder` has the `.env`. Ctrl-C stops after the running calls, a second one at once; while a restart waits for
    calls, the first one ends these.
    """
    console = Console(stderr=True, highlight=False)
    try:
        import watchfiles  # noqa: F401, PLC0415 - nobody needs it but developers
    except ImportError:
        words = 'To notice changes, watchfiles is needed: pip install ".[run]" in the folder of this project'
        console.print(words, soft_wrap=True, markup=False)
        return FAILED
    return asyncio.run(Supervisor(console, folder).run())


class Supervisor:
    """Keeps one server running, or none; never two, and none that outlives it."""

    def __init__(self, console: Console, folder: Path, ngrok_api: str = tunnel.NGROK_API) -> None:
        self._console = console
        self._folder = folder
        self._ngrok_api = ngrok_api
        self._phase = Phase.WAITING
        self._stop, self._changed = asyncio.Event(), asyncio.Event()
        self._child: Process | None = None
        self._told = 0  # how often this child was told to end
        self._announced: PublicHost | None = None

    async def run(self) -> int:
        """Serve until told to stop; gives the exit code of the last server, 0 where that was told to end."""
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self._on_signal, number)
        code = DONE
        async with (
            alongside(self._watch(PACKAGE, _is_code)),
            alongside(self._watch(self._folder, _is_settings, recursive=False)),
        ):
            await asyncio.sleep(0)  # from here on they watch
            while not self._stop.is_set():
                code = await self._serve_once()
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # nothing is left to be stopped; tidying up is not to be torn
        return code

    async def _serve_once(self) -> int:
        host = await self._announce()
        if self._stop.is_set():
            return DONE
        child = await self._start(host)
        try:
            await _first(child.wait(), self._changed.wait(), self._stop.wait())
            if child.returncode is None:
                await self._drained(child)
        finally:
            self._child = None
            if child.returncode is None:
                child.kill()
                await child.wait()
            if self._phase is not Phase.STOPPING:
                self._phase = Phase.WAITING
        if self._told:
            return DONE
        code = await child.wait()
        code = code if code >= 0 else 128 - code  # as a shell tells of a signal
        await self._wait_for_a_change(code, host)
        return code

    async def _start(self, host: PublicHost | None) -> Process:
        changes = {"SHUTDOWN_GRACE_SECONDS": LONGEST_GRACE}
        if host and host.by_ngrok:
            changes["PUBLIC_HOST"] = host.name
        self._told = 0
        self._changed.clear()
        self._child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bmv", "serve"),
            env=os.environ | changes,
            cwd=self._folder,
            start_new_session=True,  # Ctrl-C reaches us alone
            preexec_fn=die_with_parent(),
        )
        if self._stop.is_set():
            self._tell_child()
        else:
            self._phase = Phase.SERVING
        return self._child

    async def _drained(self, child: Process) -> None:
        """Wait for the end of a server that shall end, because of a change or because we shall."""
        if self._phase is Phase.SERVING:
            self._phase = Phase.RESTARTING
            self._tell_child()
        with suppress(TimeoutError):
            await asyncio.wait_for(child.wait(), QUIET_SECONDS)
            return
        if self._phase is Phase.RESTARTING:
            self._phase = Phase.DRAINING
            self._say("Waiting for the running calls to end. Ctrl-C ends them now.")
        elif self._phase is Phase.STOPPING and self._told == 1:
            self._say("Stopping when the running calls have ended. Ctrl-C again ends them now.")
        await child.wait()

    async def _wait_for_a_change(self, code: int, host: PublicHost | None) -> None:
        """Wait, after a server has ended by itself: what it said about that shall stand."""
        environ = self._environ()  # as it was: a change of the file is for its watcher to notice, and to tell
        self._say(f"The server has ended (exit code {code}). It starts again when the code or .env changes.")
        waits = [self._changed.wait(), self._stop.wait()]
        await _first(*waits, *([] if host else [self._tunnel_opens(environ)]))

    async def _tunnel_opens(self, environ: Mapping[str, str]) -> None:
        while await public_host(environ, self._ngrok_api) is None:  # noqa: ASYNC110 - another program's state
            await asyncio.sleep(ASK_AGAIN_SECONDS)

    async def _announce(self) -> PublicHost | None:
        environ = self._environ()
        host = await public_host(environ, self._ngrok_api)
        if host is None or host != self._announced:
            announce(self._console, environ, host)
        self._announced = host
        return host

    def _environ(self) -> dict[str, str]:
        try:
            return read_environment(self._folder / ".env", os.environ)
        except SettingsError:
            return dict(os.environ)  # the server says what is wrong with the file

    async def _watch(self, folder: Path, concerns: Callable[[Path], bool], *, recursive: bool = True) -> None:
        from watchfiles import awatch  # noqa: PLC0415 - nobody needs it but developers

        try:
            async for changes in awatch(
                folder, watch_filter=lambda _, path: concerns(Path(path)), recursive=recursive, step=100
            ):
                if self._phase in (Phase.SERVING, Phase.WAITING):
                    names = sorted({Path(path).name for _, path in changes})
                    self._say(f"{', '.join(names[:3])}{' …' if len(names) > 3 else ''} changed: starting again.")
                self._changed.set()
        except (OSError, RuntimeError) as error:
            self._say(f"Changes in {folder} go unnoticed: {error}")

    def _on_signal(self, number: int) -> None:
        table = ON_INTERRUPT if number == signal.SIGINT else ON_TERMINATE
        self._phase, tell = table[self._phase]
        if self._phase is Phase.STOPPING:
            self._stop.set()
        if tell:
            self._tell_child()

    def _tell_child(self) -> None:
        """Tell the server to end: first with its calls, then at once, and who does not listen even then is killed."""
        self._told += 1
        if self._told == 2:
            self._say("Ending the running calls.")
        if self._child and self._child.returncode is None:
            self._child.send_signal(signal.SIGTERM if self._told <= 2 else signal.SIGKILL)

    def _say(self, text: str) -> None:
        with suppress(OSError):  # the terminal is gone
            self._console.print(text, style="dim", soft_wrap=True, markup=False)


async def _first(*waits: Coroutine[Any, Any, Any]) -> None:
    """Wait for one of them, and let go of the others."""
    tasks = [asyncio.ensure_future(each) for each in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _is_code(path: Path) -> bool:
    return path.suffix in (".py", ".toml") and not path.name.startswith(".")  # such as an editor's .#session.py


def _is_settings(path: Path) -> bool:
    return path.name == ".env"
