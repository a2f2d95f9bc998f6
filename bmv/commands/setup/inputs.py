"""What setup is given: the settings of .env and the environment, the options, and what is asked for in a terminal."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bmv.commands.setup.asking import Asker
from bmv.commands.setup.request import SetupRequest, Unsettled
from bmv.config import SETTINGS, read_environment
from bmv.config.setting import Setting, read
from bmv.errors import SettingsError
from bmv.languages import Language

Tunnel = Callable[[int], Coroutine[Any, Any, str | None]]
"""The public host that leads to a port of this machine, if a tunnel runs."""

_BY_NAME: Mapping[str, Setting] = {each.name: each for each in SETTINGS}
_ACCOUNT = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN")
_NEEDED = (*_ACCOUNT, "PUBLIC_HOST", "OPENAI_API_KEY")
_OPTIONAL = (
    "TWILIO_CALLER_NUMBER",
    "TWILIO_FLEX_NUMBER",
    "TWILIO_FLEX_APP_SID",
    "TWILIO_FLEX_WORKFLOW_SID",
    "AGENT_DESTINATION",
    "CALLER_LANGUAGES",
    "TWILIO_API_BASE_URL",
    "API_PORT",
)
_OPTIONS = {"host": "PUBLIC_HOST", "caller_number": "TWILIO_CALLER_NUMBER", "flex_number": "TWILIO_FLEX_NUMBER"}


@dataclass(frozen=True)
class Credentials:
    """Who we are at Twilio, and where that is."""

    account_sid: str
    auth_token: str
    base_url: str


@dataclass(frozen=True)
class Given:
    """Everything that is known before Twilio is asked. `destination` None means Flex."""

    environ: Mapping[str, str]
    """The settings as the server would read them, with nothing from the options in it."""
    typed: Mapping[str, str]
    """What was answered in the terminal, or found in a tunnel; to be written into .env."""
    credentials: Credentials
    host: str
    hosts: frozenset[str]
    """Under which names this server is known, or was."""
    caller_number: str | None
    flex_number: str | None
    app_sid: str | None
    workflow_sid: str | None
    destination: str | None
    languages: tuple[Language, ...]


def settings(folder: Path) -> dict[str, str]:
    """The settings as texts. Raises `Unsettled` when .env cannot be read."""
    try:
        return read_environment(folder / ".env", os.environ)
    except SettingsError as error:
        raise Unsettled(str(error)) from None


def given(request: SetupRequest, folder: Path, asker: Asker, tunnel: Tunnel) -> Given:
    """Collect it, and ask for what is missing where somebody is there. Raises `Unsettled` with all that is wrong."""
    environ = settings(folder)
    options = {name: value for option, name in _OPTIONS.items() if (value := getattr(request, option))}
    values, problems = _read([*_NEEDED, *_OPTIONAL], {**environ, **options})
    missing = [name for name in _NEEDED if values.get(name) is None and not _said(name, problems)]
    typed: dict[str, str] = {}
    if "PUBLIC_HOST" in missing and (host := asyncio.run(tunnel(values.get("API_PORT") or 5050))):
        typed["PUBLIC_HOST"] = host
        missing.remove("PUBLIC_HOST")
    missing = [name for name in missing if _BY_NAME[name].needed(environ)]  # by the server: else it is not worth asking
    if problems or (missing and not asker.present and missing != ["OPENAI_API_KEY"]):
        raise Unsettled(_listed([*problems, *(_where_from(_BY_NAME[name]) for name in missing)]))
    if asker.present:
        typed |= _asked(missing, asker)
    values |= {name: _BY_NAME[name].parse(text) for name, text in typed.items()}
    hosts = {values["PUBLIC_HOST"], *_hosts(environ)}
    return Given(
        environ,
        typed,
        _credentials(values),
        values["PUBLIC_HOST"],
        frozenset(hosts),
        values["TWILIO_CALLER_NUMBER"],
        values["TWILIO_FLEX_NUMBER"],
        values["TWILIO_FLEX_APP_SID"],
        values["TWILIO_FLEX_WORKFLOW_SID"],
        values["AGENT_DESTINATION"],
        values["CALLER_LANGUAGES"],
    )


def credentials(folder: Path, asker: Asker) -> Credentials:
    """As `given`, where nothing but the account is needed."""
    environ = settings(folder)
    values, problems = _read([*_ACCOUNT, "TWILIO_API_BASE_URL"], environ)
    missing = [name for name in _ACCOUNT if values.get(name) is None and not _said(name, problems)]
    if problems or (missing and not asker.present):
        raise Unsettled(_listed([*problems, *(_where_from(_BY_NAME[name]) for name in missing)]))
    return _credentials(values | _asked(missing, asker))


def usable(name: str, environ: Mapping[str, str]) -> object:
    """The value of a setting as the server would have it; None where it is not set, or is no use."""
    try:
        return read(replace(_BY_NAME[name], default=""), environ)
    except ValueError:
        return None


def _read(names: list[str], environ: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """The values of settings (None: not set, which is for the caller to judge) and what is wrong with others."""
    values: dict[str, Any] = {}
    problems: list[str] = []
    for name in names:
        declared = _BY_NAME[name]
        try:
            values[name] = read(replace(declared, default=declared.default or ""), environ)
        except ValueError as problem:
            problems.append(str(problem))
    return values, problems


def _said(name: str, problems: list[str]) -> bool:
    return any(problem.startswith((name, _BY_NAME[name].also or name)) for problem in problems)


def _asked(missing: list[str], asker: Asker) -> dict[str, str]:
    answers = {}
    for name in missing:
        setting, optional = _BY_NAME[name], name == "OPENAI_API_KEY"
        about = f"\n{setting.help} {setting.where}\n{name}{' (Enter to set it later)' if optional else ''}"
        if answer := asker.value(about, setting.parse, secret=setting.secret, optional=optional):
            answers[name] = answer
    return answers


def _where_from(setting: Setting) -> str:
    option = " Or give --host." if setting.name == "PUBLIC_HOST" else ""
    return f"{setting.name} is not set. {setting.where}{option}"


def _listed(problems: list[str]) -> str:
    lines = "".join(f"\n  - {problem}" for problem in problems)
    return (
        f"Nothing was changed. These settings are missing or of no use:\n{lines}\n\n"
        "Put them into .env; .env.sample explains each."
    )


def _credentials(values: Mapping[str, Any]) -> Credentials:
    return Credentials(values["TWILIO_ACCOUNT_SID"], values["TWILIO_AUTH_TOKEN"], values["TWILIO_API_BASE_URL"])


def _hosts(environ: Mapping[str, str]) -> Iterator[str]:
    """What PUBLIC_HOST and NGROK_DOMAIN name, also the one that does not count."""
    for name in ("PUBLIC_HOST", "NGROK_DOMAIN"):
        if host := usable("PUBLIC_HOST", {"PUBLIC_HOST": environ.get(name, "")}):
            yield str(host)
