"""Translators by other people: found by name among the installed packages, in the entry points `bmv.translators`.

docs/translators.md is the page for those who write one; entry points are specified at packaging.python.org.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Final, TypeAlias

import aiohttp

from bmv.call.translator import TranslatorFactory
from bmv.errors import SettingsError

GROUP: Final = "bmv.translators"
BUILT_IN: Final = ("openai", "openai-interpreter", "loopback")
"""Names of our own translators. No package can take one: a setting must not change its meaning by an installation."""

_PARTS_OF_A_FACTORY = ("open", "can_speak", "problem")


@dataclass(frozen=True, kw_only=True)
class TranslatorOptions:
    """What a translator is told when it is built. `repr` leaves the settings out: some of them are secrets."""

    environ: Mapping[str, str] = field(repr=False)
    """Every setting as it was given, those of the .env file included; a translator reads its own and checks them."""
    captions: bool
    """Whether a transcript of the original is wanted. It may cost extra."""


Builder: TypeAlias = Callable[[aiohttp.ClientSession, TranslatorOptions], TranslatorFactory]
"""Makes the one factory of the process, at its start. The HTTP session is shared with others: not to be closed.

Raises `SettingsError` where the settings do not suffice.
"""


def names() -> list[str]:
    """Every name a translator can be chosen by: the built-in ones, then those of installed packages, sorted."""
    return [*BUILT_IN, *sorted({point.name for point in _installed() if point.name.casefold() not in BUILT_IN})]


def load(name: str) -> Builder:
    """The builder of that name, from the one installed package that has it; it is imported here.

    Upper and lower case are the same. Raises `SettingsError` with one plain line: nobody has the name, more than one
    package has it, it is a built-in name, or the package cannot be imported. The builder itself raises `SettingsError`
    for whatever goes wrong inside the package, so that a start that fails tells which package to look at.
    """
    if name.casefold() in BUILT_IN:
        raise SettingsError([f"The translator {name} is built in and comes from no other package."])
    found = [point for point in _installed() if point.name.casefold() == name.casefold()]
    match found:
        case []:
            raise SettingsError([f"There is no translator {name}. Installed are: {', '.join(names())}."])
        case [point]:
            return _guarded(point, _imported(point))
        case _:
            packages = " and ".join(sorted(map(_package, found)))
            raise SettingsError([f"The translator {name} is in more than one package: {packages}. Remove all but one."])


def _installed() -> list[EntryPoint]:
    return list(entry_points(group=GROUP))


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.module


def _imported(point: EntryPoint) -> Builder:
    try:
        builder: Builder = point.load()
    except Exception as error:  # somebody else's module: anything may come out of it
        raise _fault(point, f"cannot be imported ({point.value}): {_told(error)}") from error
    if not callable(builder):
        raise _fault(point, f"is no function that builds a translator: {point.value} is {builder!r}")
    return builder


def _guarded(point: EntryPoint, builder: Builder) -> Builder:
    def build(http: aiohttp.ClientSession, options: TranslatorOptions) -> TranslatorFactory:
        try:
            factory = builder(http, options)
        except SettingsError:
            raise
        except Exception as error:
            raise _fault(point, f"cannot be built: {_told(error)}") from error
        if missing := [part for part in _PARTS_OF_A_FACTORY if not hasattr(factory, part)]:
            found = f"{point.value} gave {type(factory).__name__} without {', '.join(missing)}"
            raise _fault(point, f"is no TranslatorFactory: {found}")
        return factory

    return build


def _fault(point: EntryPoint, what: str) -> SettingsError:
    return SettingsError([f"The translator {point.name} of the package {_package(point)} {what}"])


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
