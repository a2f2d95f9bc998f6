"""Which lines of .env are to be written: those that are not so already, and that the environment leaves to it."""

from __future__ import annotations

import os
from collections.abc import Mapping

from bmv.commands.setup.env_text import value_of
from bmv.commands.setup.inputs import Given, usable
from bmv.commands.setup.steps import Change, EnvStep, Made, Value
from bmv.config import SETTINGS

SECRETS = frozenset(each.name for each in SETTINGS if each.secret)


def lines(
    given: Given, wanted: Mapping[str, Value], text: str | None, sample: str
) -> tuple[tuple[EnvStep, ...], tuple[str, ...]]:
    """The step, if there is anything to write, and what to tell of names that the environment sets already.

    `text` is that of .env, None where there is none; it is made from `sample` then.
    """
    changes, notes, elsewhere = [], [], []
    for name, value in wanted.items():
        in_environment = bool(os.environ.get(name, "").strip())
        if not _differs(name, value, given.environ):
            elsewhere += [name] if in_environment else []
            continue
        if in_environment:
            notes.append(_wins(name, value))
            continue
        before = value_of(sample if text is None else text, name) or ""
        told = (hidden(before), hidden("set")) if name in SECRETS else None
        changes.append(Change(name, name, before, value, told))
    if elsewhere:
        notes.append(f"Set by the environment, and so not written into .env: {', '.join(elsewhere)}.")
    return ((EnvStep(tuple(changes), creates=text is None),) if changes else ()), tuple(notes)


def _differs(name: str, value: Value, environ: Mapping[str, str]) -> bool:
    """Whether the server would read another value than this."""
    return isinstance(value, Made) or usable(name, environ) != usable(name, {name: value})


def _wins(name: str, value: Value) -> str:
    wanted = "the sid of the app that is made" if isinstance(value, Made) else value
    return f"{name} is set in the environment, which wins over .env, to another value: set it there to {wanted}."


def hidden(secret: str) -> str:
    """What is shown of a secret: whether there is one."""
    return "(a secret)" if secret else ""
