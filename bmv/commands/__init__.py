"""What a person can type: `python -m bmv` serves, `demo` shows a translated call, `call` orders one."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bmv import __version__
from bmv.config import Settings, given, read_environment
from bmv.errors import SettingsError

WRONG_SETTINGS = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 failed, 2 wrong settings or arguments."""
    parser = argparse.ArgumentParser(prog="bmv", description="Live translation between a caller and an agent.")
    parser.add_argument("--version", action="version", version=f"bmv {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command")
    commands.add_parser("serve", help="take calls; what happens without a command")
    demo = commands.add_parser("demo", help="let two simulated people hold a translated call, without any account")
    demo.add_argument("--recordings", type=Path, default=Path("recordings"), help="folder for what each party heard")
    call = commands.add_parser("call", help="have the running server call somebody, translated")
    call.add_argument("to", help="whom to call: a phone number such as +34911222333")
    call.add_argument("--language", required=True, help="what that person speaks: a code or a name (es, spanish)")
    call.add_argument("--agent", help="where the agent is reached: flex, a phone number, sip:… or client:…")
    call.add_argument("--server", help="where the server listens (default: this machine, at API_PORT)")
    chosen = parser.parse_args(arguments)
    if chosen.command == "demo":
        from bmv.commands.demo import demo as run_demo  # noqa: PLC0415 - the simulator is no part of production

        return run_demo(chosen.recordings)
    if chosen.command == "call":
        return _call(chosen)
    return _serve()


def _call(chosen: argparse.Namespace) -> int:
    from bmv.commands.call import CallRequest, call  # noqa: PLC0415

    try:
        environ = read_environment(Path(".env"), os.environ)
    except SettingsError as error:
        print(*error.problems, sep="\n", file=sys.stderr)
        return WRONG_SETTINGS
    host, port, token = (given(name, environ) for name in ("API_HOST", "API_PORT", "API_TOKEN"))
    server = chosen.server or f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104
    return call(CallRequest(chosen.to, chosen.language, chosen.agent), server=server, token=token)


def _serve() -> int:
    from bmv.commands.serve import serve  # noqa: PLC0415

    try:
        return serve(Settings.load(read_environment(Path(".env"), os.environ)))
    except SettingsError as error:
        print("bmv cannot start with these settings:\n", file=sys.stderr)
        for problem in error.problems:
            print(f"  - {problem}", file=sys.stderr)
        print(
            "\nPut them into the environment or into a file .env (copy .env.sample, which explains each)."
            "\nTo see a translated call without any account: make demo",
            file=sys.stderr,
        )
        return WRONG_SETTINGS
