"""One setting: its names, its default, when it is needed, and how its text becomes a value."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bmv.config.parsers import Parser

METADATA: Final = "setting"
"""Where a dataclass field keeps its `Setting`."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as the operator meets it.

    `name` is the environment variable, `also` another name that counts where `name` is not set. `default` is text
    as in the environment: "" for a setting that may be left out, None for one that may not, except where one of
    `unless` holds: another setting's name (it is set), NAME=value, or NAME=!start (its value begins otherwise). `where`
    tells where to find the value, in a sentence.
    """

    name: str
    parse: Parser
    help: str
    where: str = ""
    default: str | None = None
    also: str = ""
    unless: tuple[str, ...] = ()
    secret: bool = False

    def given(self, environ: Mapping[str, str]) -> tuple[str, str] | None:
        """Return the name and text the operator used, without blanks and quotes around it; blank counts as not set."""
        for name in filter(None, (self.name, self.also)):
            if text := _bare(environ.get(name, "")):
                return name, text
        return None

    def needed(self, environ: Mapping[str, str]) -> bool:
        """Tell whether the service cannot start without this setting."""
        return self.default is None and not any(_holds(condition, environ) for condition in self.unless)


def _holds(condition: str, environ: Mapping[str, str]) -> bool:
    other, _, value = condition.partition("=")
    text = _bare(environ.get(other, "")).lower()
    if value.startswith("!"):
        return bool(text) and not text.startswith(value[1:])
    return text == value if value else bool(text)


def _bare(text: str) -> str:
    # `docker run --env-file` hands over the quotes that a shell or a .env file would have removed.
    text = text.strip()
    quoted = len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1].strip() if quoted else text


def setting(name: str, parse: Parser, help: str, **details: Any) -> Any:  # noqa: A002 (it is what it is called)
    """Declare a setting as a field of a dataclass; `details` are further fields of `Setting`. Secrets are not shown."""
    declared = Setting(name, parse, help, **details)
    return field(metadata={METADATA: declared}, repr=not declared.secret)


# A name in brackets, as in [your-public-host]; an IPv6 address has colons and is none.
_PLACEHOLDER = re.compile(r"[\[<{] ?[a-zA-Z][\w -]*[\]>}]")


def read(setting: Setting, environ: Mapping[str, str]) -> object:
    """The value of a setting, None for one that is left out. ValueError, in words for the operator, if it is no use."""
    found = setting.given(environ)
    if found is None:
        if setting.needed(environ):
            raise ValueError(f"{setting.name} is not set. {setting.where}")
        return setting.parse(setting.default) if setting.default else None
    name, text = found
    try:
        if _PLACEHOLDER.search(text):
            raise ValueError("your own value, in place of the bracketed placeholder")
        return setting.parse(text)
    except ValueError as wanted:
        remedy = setting.where or f"Leave it out for the usual value, {setting.default}."
        raise ValueError(f"{name} must be {wanted}. {remedy}") from None
