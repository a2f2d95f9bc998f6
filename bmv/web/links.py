"""Links that let somebody in without a password: signed, for one purpose and one subject, and good for a while.

A token is `<subject>.<expiry>.<signature>`, and stands in the path of its page. The signature (HMAC-SHA256) covers the
purpose as well, so that a link to one kind of page opens no other. Nothing is stored: to revoke them all, change the
secret.
"""

from __future__ import annotations

import hmac
import re
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from enum import StrEnum
from hashlib import sha256

from bmv.errors import BmvError

LONGEST_SECONDS = 366 * 24 * 3600
CLOCK_SECONDS = 3600  # by how much a clock may be put back before what it signed is no longer believed
TOKEN_LABEL = b"bmv links 1"  # what the secret is derived for, where it is derived

_SUBJECT = re.compile(r"[A-Za-z0-9]{1,64}")
_TOKEN = re.compile(r"([A-Za-z0-9]{1,64})\.([0-9]{1,12})\.([A-Za-z0-9_-]{43})")


class Purpose(StrEnum):
    """What a link shows; the first part of its path."""

    CAPTIONS = "captions"
    """One call; the subject is our id of it."""
    AGENT = "agent"
    """Whatever call a worker of Twilio's is in; the subject is the worker's SID."""


class LinkRefused(BmvError):
    """A link opens nothing; the message says why, and never the link."""


class Links:
    """Makes links to pages of one public host, and checks the tokens of those that come back."""

    def __init__(self, public_host: str, secret: bytes, *, clock: Callable[[], float] = time.time) -> None:
        """`secret` is of any length; see `secret_of`. `clock` gives the seconds since 1970."""
        self._host = public_host
        self._secret = secret
        self._clock = clock

    def token(self, purpose: Purpose, subject: str, seconds: float) -> str:
        """Let whoever has it see this for so long, a year at most.

        ValueError for a subject that is not letters and digits.
        """
        if not _SUBJECT.fullmatch(subject):
            raise ValueError("the subject of a link is up to 64 letters and digits")
        expiry = int(self._clock() + min(seconds, LONGEST_SECONDS))
        return f"{subject}.{expiry}.{self._signature(purpose, subject, expiry)}"

    def url(self, purpose: Purpose, subject: str, seconds: float) -> str:
        """The whole address; see `token`."""
        return f"https://{self._host}/{purpose}/{self.token(purpose, subject, seconds)}"

    def subject(self, purpose: Purpose, token: str) -> str:
        """Whom or what a token is for. Raises `LinkRefused` when it is not ours, of another kind, or too old.

        One that is good for longer than any link was made by a clock that was wrong.
        """
        parts = _TOKEN.fullmatch(token)
        if parts is None:
            raise LinkRefused("it is no link of ours")
        subject, expiry, signature = parts[1], int(parts[2]), parts[3]
        if not hmac.compare_digest(signature, self._signature(purpose, subject, expiry)):
            raise LinkRefused("its signature does not fit")
        left = expiry - self._clock()
        if left <= 0:
            raise LinkRefused("it has expired")
        if left > LONGEST_SECONDS + CLOCK_SECONDS:
            raise LinkRefused("it was made by a clock that was ahead")
        return subject

    def lasts(self, token: str) -> float:
        """For how many seconds more a token is good that `subject` has let pass; less than 0 when it has expired."""
        return int(token.split(".")[1]) - self._clock()

    def _signature(self, purpose: Purpose, subject: str, expiry: int) -> str:
        digest = hmac.digest(self._secret, f"{purpose}\n{subject}\n{expiry}".encode(), sha256)
        return urlsafe_b64encode(digest).rstrip(b"=").decode()


def secret_of(link_secret: str | None, auth_token: str) -> bytes:
    """What signs links: the operator's own secret, else one that follows from the auth token and does not tell it."""
    return link_secret.encode() if link_secret else hmac.digest(auth_token.encode(), TOKEN_LABEL, sha256)
