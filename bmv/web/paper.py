"""What pages are made of: the files of this package they consist of, and the headers that every page has."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from string import Template
from types import MappingProxyType

from aiohttp import web
from aiohttp.helpers import ETag

KINDS: Mapping[str, str] = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
"""The files that a browser may ask for, by the end of their names."""

FLEX = "https://flex.twilio.com"


def _read() -> Mapping[str, bytes]:
    pages = (files("bmv.web") / "pages").iterdir()
    return MappingProxyType({file.name: file.read_bytes() for file in (*pages, files("bmv") / "theme.css")})


FILES = _read()
"""Everything in `bmv/web/pages/`, and the look that these pages share with the simulator's, by its name."""


class Paper:
    """`GET /pages/{name}`: styles and scripts. They hold no secret, and everybody may have them."""

    PATHS = frozenset({"/pages/{name}"})

    def routes(self) -> list[web.RouteDef]:
        """The route."""
        return [web.get("/pages/{name}", self.show)]

    async def show(self, request: web.Request) -> web.Response:
        """One file; asked for again with every page, and sent again when it has changed."""
        name = request.match_info["name"]
        kind = KINDS.get(name.rpartition(".")[2])
        if kind is None or name not in FILES:
            raise web.HTTPNotFound
        body = FILES[name]
        response = web.Response(body=body, content_type=kind, charset="utf-8")
        response.headers.update({"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"})
        response.etag = ETag(sha256(body).hexdigest()[:32])
        if any(each.value == response.etag.value for each in request.if_none_match or ()):
            raise web.HTTPNotModified(headers={"ETag": f'"{response.etag.value}"', "Cache-Control": "no-cache"})
        return response


def page(template: str, *, framed_by: str = "'none'", status: int = 200, **values: str) -> web.Response:
    """A page from one of the files; `values` have been escaped. It runs our scripts alone, and is kept by nobody."""
    text = Template(FILES[template].decode()).substitute(values)
    return web.Response(text=text, status=status, content_type="text/html", headers=headers(framed_by))


def headers(framed_by: str) -> dict[str, str]:
    """What a browser is told about a page: nothing from elsewhere, nothing inline, no frame but these, no traces."""
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        f"base-uri 'none'; form-action 'self'; frame-ancestors {framed_by}"
    )
    return {
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
