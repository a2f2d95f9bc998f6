"""One-time secrets with which the media streams of one call may join it."""

from __future__ import annotations

import secrets

from bmv.call.leg import Role


class Tokens:
    """Those of one call. Each is good for one stream, as long as the call lasts."""

    def __init__(self) -> None:
        self._roles: dict[str, Role] = {}
        self._invited: dict[Role, str] = {}

    def issue(self, role: Role) -> str:
        """A new secret, for a stream of this role."""
        token = secrets.token_urlsafe(24)
        self._roles[token] = role
        return token

    def invite(self, role: Role) -> str | None:
        """The secret for the first stream of this role, the same however often it is asked for; None once it is used.

        So a webhook that is delivered again gets an answer that works, and one that somebody recorded and plays back
        later gets nothing that opens a call.
        """
        token = self._invited.get(role) or self._invited.setdefault(role, self.issue(role))
        return token if token in self._roles else None

    def redeem(self, token: str) -> Role | None:
        """The role that a stream with this token has, or None: unknown, used, or the call is over."""
        for known in self._roles:
            if secrets.compare_digest(known.encode(), token.encode()):
                return self._roles.pop(known)
        return None

    def revoke(self) -> None:
        """The call is over: none of them is good any more."""
        self._roles.clear()
