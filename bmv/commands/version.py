"""`python -m bmv version`: what somebody who mends a bug has to know."""

from __future__ import annotations

import platform
import ssl
from importlib.metadata import PackageNotFoundError, version

from bmv import __version__
from bmv.commands.exits import DONE

LIBRARIES = ("aiohttp", "msgspec", "numpy", "rich", "structlog", "twilio", "uvloop", "webrtcvad-wheels")
"""Those that carry the calls, and those that bugs have come from."""


def show_version() -> int:
    """Print the versions, one a line, bmv's first. Returns the exit code."""
    print(f"bmv {__version__}")
    print(f"{platform.python_implementation()} {platform.python_version()} on {platform.platform(terse=True)}")
    print(ssl.OPENSSL_VERSION)
    for name in LIBRARIES:
        print(f"{name} {_installed(name)}")
    return DONE


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "is not installed"
