"""What a person can type: `python -m bmv` serves, `demo` and `phone` show a call, `setup` and `doctor` see to Twilio.

Each command is loaded when it is wanted: the simulator is no part of production, and help must not wait for a server.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bmv.commands.exits import WRONG_SETTINGS
from bmv.commands.invocation import invocation
from bmv.config import Settings, given, read_environment
from bmv.errors import SettingsError

# ruff: noqa: PLC0415


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: see `exits`."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words in ([], ["serve"]):  # a server takes no memory for the help of all commands
        return _serve(Namespace(reload=False))
    from bmv.commands.arguments import parse

    chosen = parse(words)
    return RUN[chosen.command](chosen)


def _demo(chosen: Namespace) -> int:
    from bmv.commands.demo import demo

    return demo(chosen.recordings)


def _phone(chosen: Namespace) -> int:
    from bmv.commands.phone import PhoneRequest, phone

    try:
        environ = read_environment(Path(".env"), os.environ)
    except SettingsError as error:
        print(*error.problems, sep="\n", file=sys.stderr)
        return WRONG_SETTINGS
    return phone(PhoneRequest(chosen.bind, chosen.port, chosen.public_host, chosen.open), environ)


def _setup(chosen: Namespace) -> int:
    from bmv.commands.setup import SetupRequest, setup

    options = {name: value for name, value in vars(chosen).items() if name != "command"}
    return setup(SetupRequest(**options))


def _doctor(chosen: Namespace) -> int:
    from bmv.commands.doctor import doctor

    return doctor(as_json=chosen.json)


def _serve(chosen: Namespace) -> int:
    if chosen.reload:
        from bmv.commands.reload import reload

        return reload()
    from bmv.commands.serve import serve

    try:
        return serve(Settings.load(read_environment(Path(".env"), os.environ)))
    except SettingsError as error:
        print("bmv cannot start with these settings:\n", file=sys.stderr)
        for problem in error.problems:
            print(f"  - {problem}", file=sys.stderr)
        print(
            "\nPut them into the environment or into a file .env (.env.sample explains each)."
            f"\nTo have most of them found and written there: {invocation()} setup"
            "\nTo see a translated call without any account: make demo",
            file=sys.stderr,
        )
        return WRONG_SETTINGS


def _call(chosen: Namespace) -> int:
    from bmv.commands.call import CallRequest, call

    try:
        environ = read_environment(Path(".env"), os.environ)
    except SettingsError as error:
        print(*error.problems, sep="\n", file=sys.stderr)
        return WRONG_SETTINGS
    host, port, token = (given(name, environ) for name in ("API_HOST", "API_PORT", "API_TOKEN"))
    server = chosen.server or f"http://{_reached_at(host)}:{port}"
    return call(CallRequest(chosen.to, chosen.language, chosen.agent), server=server, token=token)


def _reached_at(host: str) -> str:
    """How an address that is listened on is reached from this machine, as it stands in an URL."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (compared)
    return f"[{host}]" if ":" in host else host


def _agent_link(chosen: Namespace) -> int:
    from bmv.commands.agent_link import agent_link

    try:
        environ = read_environment(Path(".env"), os.environ)
    except SettingsError as error:
        print(*error.problems, sep="\n", file=sys.stderr)
        return WRONG_SETTINGS
    return agent_link(chosen.worker, hours=chosen.hours, environ=environ)


def _bench(chosen: Namespace) -> int:
    from bmv.commands.bench.command import BenchRequest, bench
    from bmv.commands.bench.world import KINDS

    options = {name: value for name, value in vars(chosen).items() if name not in ("command", "only")}
    return bench(BenchRequest(kinds=(chosen.only,) if chosen.only else KINDS, **options))


def _soak(chosen: Namespace) -> int:
    from secrets import randbelow

    from bmv.commands.soak.command import SoakOptions, run_soak

    seed = randbelow(1_000_000) if chosen.seed is None else chosen.seed
    return run_soak(
        SoakOptions(seed, chosen.minutes, chosen.calls_at_once, tuple(chosen.only), chosen.json, chosen.log)
    )


def _version(_chosen: Namespace) -> int:
    from bmv.commands.version import show_version

    return show_version()


RUN: Mapping[str, Callable[[Namespace], int]] = {
    "demo": _demo,
    "phone": _phone,
    "setup": _setup,
    "doctor": _doctor,
    "serve": _serve,
    "call": _call,
    "agent-link": _agent_link,
    "bench": _bench,
    "soak": _soak,
    "version": _version,
}
"""What each command of the command line does."""
