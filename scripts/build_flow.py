"""Writes the Studio flow that asks callers for their language, from the table of languages and the menu.

python scripts/build_flow.py                             write flows/inbound_language.json
python scripts/build_flow.py --host voice.example.com    with your host in place of [your-public-host]
python scripts/build_flow.py --output my_flow.json       write somewhere else

The menu is CALLER_LANGUAGES, of the environment or of the .env file in this folder.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bmv.config import SETTINGS, parsers, read_environment
from bmv.errors import SettingsError
from bmv.telephony import flow
from bmv.telephony.menu import Menu

FLOW = Path(__file__).resolve().parent.parent / "flows" / "inbound_language.json"

WRITTEN, UNUSABLE = 0, 2


def menu(environ: Mapping[str, str]) -> Menu:
    """The menu that is set; the other settings are not needed. Raises `SettingsError`."""
    (setting,) = (each for each in SETTINGS if each.name == "CALLER_LANGUAGES")
    _, text = setting.given(environ) or (setting.name, setting.default or "")
    try:
        return Menu(parsers.menu(text))
    except ValueError as wanted:
        raise SettingsError([f"{setting.name} must be {wanted}."]) from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the flow; returns the exit code: 0 written, 2 not usable."""
    parser = argparse.ArgumentParser(description="Write the Studio flow that asks callers for their language.")
    parser.add_argument("--host", default=flow.PLACEHOLDER, help=f"your public host, in place of {flow.PLACEHOLDER}")
    parser.add_argument("--output", type=Path, default=FLOW, help="default: flows/inbound_language.json")
    chosen = parser.parse_args(arguments)
    try:
        host = chosen.host if chosen.host == flow.PLACEHOLDER else parsers.public_host(chosen.host)
        text = flow.text(menu(read_environment(Path(".env"), os.environ)), host)
        chosen.output.write_text(text, "utf-8")
    except ValueError as wanted:
        print(f"--host must be {wanted}", file=sys.stderr)
        return UNUSABLE
    except (SettingsError, OSError) as problem:
        print(problem, file=sys.stderr)
        return UNUSABLE
    return WRITTEN


if __name__ == "__main__":
    sys.exit(main())
