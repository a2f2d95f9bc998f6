"""Twilio's names of things: two letters, and 32 letters and digits."""

from __future__ import annotations

import re
from typing import Final

LONGEST: Final = 64
"""Characters. Nearly twice what they have: some are kept long after what they name is over."""

_SID = re.compile(rf"[A-Za-z0-9]{{1,{LONGEST}}}")


def sid_of(value: object) -> str:
    """The value where it may be such a name, and nothing where it is none."""
    return value if isinstance(value, str) and _SID.fullmatch(value) else ""
