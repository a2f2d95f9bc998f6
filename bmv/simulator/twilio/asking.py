"""A request to the REST API, checked: its fields, the pages of a list, and which handler answers it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlencode, urlsplit

from bmv.simulator.twilio.exchange import Exchange
from bmv.simulator.twilio.refusals import RefusalError

Form: TypeAlias = list[tuple[str, str]]
Json: TypeAlias = dict[str, object]
Handler: TypeAlias = "Callable[..., Json | None]"
"""(exchange, asked, *sids of the path) -> the body of the answer, None = no body. May raise `RefusalError`."""

_PAGING = ("Page", "PageSize", "PageToken")
_MOST_PER_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Asked:
    """`given` are the fields: the query of a GET, the form of a POST."""

    method: str
    path: str
    given: Form

    def fields(self, known: str) -> dict[str, str]:
        """The fields by name. Raises `RefusalError` for one that is not among the `known`, and for one given twice."""
        for name, _ in self.given:
            if name not in known.split():
                raise RefusalError(400, 20001, f"{name} is not a field of this request")
        names = [name for name, _ in self.given]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise RefusalError(400, 20001, f"{twice} was given twice")
        return dict(self.given)

    def filters(self, known: str = "") -> dict[str, str]:
        """The fields of a request for a list, without those that choose the page."""
        fields = self.fields(f"{known} {' '.join(_PAGING)}")
        return {name: value for name, value in fields.items() if name not in _PAGING}


@dataclass(frozen=True, slots=True)
class Route:
    """Who answers what; the groups of `path` are handed on."""

    method: str
    path: str
    handler: Handler
    status: int = 200


def answer(routes: Sequence[Route], exchange: Exchange, asked: Asked) -> tuple[int, Json | None]:
    """The status and the body that a request gets. Raises `RefusalError`."""
    matching = [(route, match) for route in routes if (match := re.fullmatch(route.path, asked.path))]
    if not matching:
        raise missing(asked)
    for route, match in matching:
        if route.method == asked.method:
            return route.status, route.handler(exchange, asked, *match.groups())
    raise RefusalError(405, 20004, "Method not allowed")


def missing(asked: Asked) -> RefusalError:
    """What is said about a resource that there is not."""
    return RefusalError(404, 20404, f"The requested resource {asked.path} was not found")


def listing(exchange: Exchange, asked: Asked, key: str, records: Sequence[Json], host: str = "") -> Json:
    """A page of a list. `host` is the product's own; without one the page is of the form of the API of 2010.

    As with the real one, a page after the first needs the token that the page before it gave.
    """
    asking = dict(asked.given)
    size, page = _number(asking, "PageSize", exchange.holdings.page_size), _number(asking, "Page", 0)
    if not 1 <= size <= _MOST_PER_PAGE:
        raise RefusalError(400, 20001, f"PageSize is not 1 to {_MOST_PER_PAGE}: {size}")
    start = page * size
    if page and (start > len(records) or asking.get("PageToken") != _token(records, start)):
        raise RefusalError(400, 20001, f"PageToken is not that of page {page}")
    there = records[start : start + size]
    urls = {number: _page_url(asked, host, size, number, records) for number in (0, page - 1, page, page + 1)}
    following = urls[page + 1] if start + size < len(records) else None
    previous = urls[page - 1] if page else None
    if host:
        meta: Json = {"page": page, "page_size": size, "first_page_url": urls[0], "previous_page_url": previous}
        return {"meta": meta | {"url": urls[page], "next_page_url": following, "key": key}, key: list(there)}
    span: Json = {"start": start, "end": max(start, start + len(there) - 1), "page": page, "page_size": size}
    links = {"first_page_uri": urls[0], "previous_page_uri": previous, "next_page_uri": following, "uri": urls[page]}
    return {key: list(there)} | span | links


def _number(asking: dict[str, str], name: str, usual: int) -> int:
    text = asking.get(name, str(usual))
    if not text.isdecimal():
        raise RefusalError(400, 20001, f"{name} is not a number: {text}")
    return int(text)


def _token(records: Sequence[Json], start: int) -> str:
    return f"PA{records[start - 1]['sid']}"


def _page_url(asked: Asked, host: str, size: int, page: int, records: Sequence[Json]) -> str:
    fields = [(name, value) for name, value in asked.given if name not in _PAGING]
    fields += [("PageSize", str(size)), ("Page", str(page))]
    if 0 < page * size <= len(records):
        fields.append(("PageToken", _token(records, page * size)))
    return f"{f'https://{host}' if host else ''}{asked.path}?{urlencode(fields)}"


def is_url(text: str) -> bool:
    """Whether Twilio would send a webhook there."""
    parts = urlsplit(text)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and "_" not in (parts.hostname or "")
