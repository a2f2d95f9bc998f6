"""Who may come in: which names the page is called by, which pages may open a socket, and the key for strangers.

A page of somebody else's, open in the same browser, must not be able to use the phones; nor may one whose name is made
to lead to this machine (DNS rebinding).
"""

import hmac
from collections.abc import Collection
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from aiohttp import web

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class Entrance:
    """Admits this machine by its usual names, and by `names`; with `any_address` also by any address it may have.

    Where there is a `key`, whoever wants a phone has to show it, as `?key=…`.
    """

    def __init__(self, *, names: Collection[str] = (), any_address: bool = False, key: str | None = None) -> None:
        self.key = key
        self._names = LOOPBACK | set(names)
        self._any_address = any_address

    def admits(self, request: web.Request) -> bool:
        """Whether a request is for us: of the name that it calls us by, no other page could have made it ours."""
        name = _split(f"//{request.host}").hostname or ""
        return name in self._names or (self._any_address and _is_address(name))

    def admits_socket(self, request: web.Request) -> bool:
        """Whether a socket is opened by our own page, by somebody with the key."""
        origin = _split(request.headers.get("Origin", ""))
        ours = origin.scheme in ("http", "https") and origin.netloc == request.host
        shown = request.query.get("key", "").encode()
        return self.admits(request) and ours and (self.key is None or hmac.compare_digest(shown, self.key.encode()))


def _split(url: str) -> SplitResult:
    """The parts of an address; of what is none, parts that are empty."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
