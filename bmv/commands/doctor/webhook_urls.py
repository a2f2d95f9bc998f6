"""Whether an address that Twilio was given leads to us. No I/O."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

DROPS: Final = "The call drops after “please wait” (Twilio's error 11100)."
_PLACEHOLDER = re.compile(r"[\[<{][\w .-]*[\]>}]")
_TWICE = re.compile(r"https?:/*.*?(https?|wss?):?/", re.IGNORECASE)


@dataclass(frozen=True)
class Problem:
    """Why an address is wrong, in words that complete "it …", and what to do."""

    words: str
    remedy: str
    malformed: bool = False
    """No request can be sent to it."""


def problem_of(url: str, *, host: str, paths: Collection[str]) -> Problem | None:
    """Tell why an address does not lead to one of our paths at the public host; None if it does."""
    repair = f"Run `python -m bmv setup --host {host}`."
    if not url:
        return Problem("is empty", repair)
    if words := _malformed(url):
        return Problem(f"{words}: {_shown(url)}", f"{repair} {DROPS}", malformed=True)
    if elsewhere := _elsewhere(urlsplit(url), host, paths):
        words, why = elsewhere
        return Problem(words, f"{repair} {why}".rstrip())
    return None


def _malformed(url: str) -> str | None:
    if found := _PLACEHOLDER.search(url):
        return f"still has the placeholder {found[0]} in it"
    if _TWICE.match(url):
        return "has https:// twice"
    try:
        parts = urlsplit(url)
        complete = parts.scheme and parts.hostname and parts.port != 0
    except ValueError:
        complete = False
    return None if complete else "is no complete address"


def _elsewhere(parts: SplitResult, host: str, paths: Collection[str]) -> tuple[str, str] | None:
    if parts.hostname != host:
        return f"leads to {parts.hostname}, and PUBLIC_HOST is {host}", "It may be an old tunnel's name."
    if host not in parts.netloc:
        return (
            f"has capital letters in its host: {parts.netloc}",
            "Twilio signs it as it is written; that does not fit.",
        )
    if parts.scheme != "https" or parts.port not in (None, 443):
        return f"does not use https on port 443: {_shown(parts.geturl())}", "Signatures would not fit."
    if parts.path not in paths:
        return f"leads to {parts.path or '/'}, not to {' or '.join(sorted(paths))}", ""
    return None


def _shown(url: str) -> str:
    return url.partition("?")[0]
