"""Texts by other people, made fit to be shown: a name at Twilio must not colour, move or forge anything there."""

from __future__ import annotations

import re

_LOGIN = re.compile(r"(?<=://)[^/@\s]+(?=@)")
"""Name and password in somebody's address."""


def plain(text: str) -> str:
    """The text without control and other invisible characters, and without logins; its line ends stay."""
    return _LOGIN.sub("…", "".join(each if each.isprintable() or each == "\n" else " " for each in text))


def one_line(text: str) -> str:
    """Likewise, in a single line; what was several spaces or line ends is one space."""
    return " ".join(plain(text).split())
