"""Where the texts of settings come from: the .env file and the environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

from bmv.errors import SettingsError


def read_environment(dotenv: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the settings' texts: those of the .env file, overridden by those of the environment.

    A variable that is blank in the environment does not hide the file's. The file may be missing; `os.environ` is left
    alone. Raises `SettingsError` when the file is there and cannot be read.
    """
    try:
        # utf-8-sig: a byte order mark would become part of the first name. No interpolation: a secret may hold a $.
        in_file = dotenv_values(dotenv, interpolate=False, encoding="utf-8-sig")
    except (OSError, UnicodeError):
        raise SettingsError([f"{dotenv} cannot be read: it must be a UTF-8 text file this user may read."]) from None
    given = {name: text for name, text in environ.items() if text.strip()}
    return {name: text for name, text in in_file.items() if text is not None} | given
