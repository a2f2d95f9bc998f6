"""Parts of the world outside that fail, for tests: a resolver that knows no name."""

from __future__ import annotations

import socket

from aiohttp.abc import AbstractResolver, ResolveResult


class NoNames(AbstractResolver):
    """Fails as aiohttp's own resolvers do when DNS does not answer."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        raise OSError(None, "DNS lookup failed")

    async def close(self) -> None:
        """There is nothing to be closed."""
