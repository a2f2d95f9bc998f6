"""Puts what a script draws into a document, between two markers, and touches nothing else. For other scripts."""

from __future__ import annotations


def between(document: str, begin: str, end: str, drawn: str) -> str:
    """The document with `drawn` between its two markers; `ValueError` unless each is there once, in this order."""
    if document.count(begin) != 1 or document.count(end) != 1:
        raise ValueError(f"each of these lines must be there once:\n{begin}\n{end}")
    before, _, rest = document.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"this line must come first: {begin}")
    return f"{before}{begin}\n\n{drawn}\n\n{end}{after}"
