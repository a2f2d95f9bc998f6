"""The page with the two phones: its text, put together once, and the files that it is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from itertools import groupby
from string import Template
from typing import Final

from bmv.languages import Language
from bmv.simulator.conversation import Line, Role

KINDS: Final[Mapping[str, str]] = {".js": "text/javascript", ".css": "text/css"}
"""What is served beside the page, by the ends of the names."""

HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
"""What every answer says to the browser."""

_NAMES: Final[Mapping[Role, str]] = {"caller": "Caller", "agent": "Agent"}
_KEYS: Final = "123456789*0#"


@dataclass(frozen=True, slots=True)
class Offer:
    """What the page tells of this simulation. `lines` are the sentences that can be said by a button, in any order."""

    translator: str
    """Who translates, in a sentence or two."""
    menu: Sequence[Language]
    """What callers may choose, in the order of its keys."""
    spoken: Sequence[Language]
    """What agents may speak."""
    agent_language: str
    lines: Sequence[Line]


def assets() -> dict[str, tuple[bytes, str]]:
    """Content and type of every file beside the page, and of the look it shares with the server's, by its name."""
    beside = files("bmv.simulator").joinpath("phone_page").iterdir()
    served = (*beside, files("bmv").joinpath("theme.css"))
    kinds = {each: kind for each in served for end, kind in KINDS.items() if each.name.endswith(end)}
    return {each.name: (each.read_bytes(), kind) for each, kind in kinds.items()}


def render(offer: Offer) -> str:
    """The whole page."""
    phones = "\n".join(_phone(side, name, offer) for side, name in _NAMES.items())
    return _template("phone.html").substitute(translator=escape(offer.translator), phones=phones)


def _phone(side: Role, name: str, offer: Offer) -> str:
    return _template("handset.html").substitute(
        side=side,
        name=name,
        other=_NAMES["agent" if side == "caller" else "caller"].lower(),
        languages=_menu(offer.menu) if side == "caller" else _choice(offer.spoken, offer.agent_language),
        begin=_BEGIN[side],
        keys="".join(f'<button type="button" class="key" data-key="{key}">{key}</button>' for key in _KEYS),
        sentences="".join(_sentences(offer.lines)),
    )


_BEGIN: Final[Mapping[Role, str]] = {
    "caller": '<button type="button" class="go" data-do="dial" disabled>Call</button>',
    "agent": '<button type="button" class="go" data-do="accept" disabled>Accept</button>',
}


def _menu(languages: Sequence[Language]) -> str:
    """What a caller may say to the menu, with the key that means the same."""
    chips = "".join(
        f'<button type="button" class="chip" data-words="{escape(each.own)}" disabled>'
        f'<span lang="{each.tag}" dir="auto">{escape(each.own)}</span> <kbd>{key}</kbd></button>'
        for key, each in enumerate(languages, start=1)
    )
    return f'<p class="label">When you are asked, press a key or say your language:</p><div class="chips">{chips}</div>'


def _choice(languages: Sequence[Language], chosen: str) -> str:
    """What an agent speaks: Flex knows it of each worker, so it is chosen before the call."""
    options = "".join(
        f'<option value="{each.tag}"{" selected" if each.tag == chosen else ""}>{escape(each.own)}</option>'
        for each in languages
    )
    return f'<label class="label">You speak <select data-do="speaks" autocomplete="off">{options}</select></label>'


def _sentences(lines: Sequence[Line]) -> list[str]:
    """A list of buttons for each language; the page shows that of the language which is spoken at this phone."""
    numbered = sorted(enumerate(lines), key=lambda each: (each[1].language, each[0]))
    return [
        f'<ul class="sentences" data-language="{language}" lang="{language}" hidden>'
        + "".join(
            f'<li><button type="button" class="sentence" data-say="{number}" disabled>'
            f"{escape(line.sentence)}</button></li>"
            for number, line in group
        )
        + "</ul>"
        for language, group in groupby(numbered, key=lambda each: each[1].language)
    ]


def _template(name: str) -> Template:
    return Template(files("bmv.simulator").joinpath("phone_page", name).read_text("utf-8"))
