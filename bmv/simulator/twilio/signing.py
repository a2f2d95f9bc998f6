"""How Twilio signs what it sends: X-Twilio-Signature over forms and socket upgrades. Knows no network."""

from urllib.parse import SplitResult, urlsplit, urlunsplit

from multidict import MultiDict
from twilio.request_validator import HMAC_SHA256, SIGNATURE_HEADER, SIGNATURE_SETTINGS_HEADER, RequestValidator

Fields = dict[str, str]


class Signer:
    """Signs with the account's auth token or, once `use_shared_key` was called, with a webhook shared key."""

    def __init__(self, auth_token: str) -> None:
        self._auth_token = auth_token
        self._shared_key: tuple[str, str] | None = None

    def use_shared_key(self, sid: str, secret: str) -> None:
        """Sign webhooks (not socket upgrades: undocumented there) with HMAC-SHA256 and the header that says so."""
        self._shared_key = (sid, secret)

    def use_auth_token(self, auth_token: str) -> None:
        """Sign everything with `auth_token` from now on: what a rotation of the token does."""
        self._auth_token, self._shared_key = auth_token, None

    def form_headers(self, url: str, fields: Fields) -> dict[str, str]:
        """The signature headers of a webhook that carries `fields` as a form (or none, for GET)."""
        if self._shared_key is None:
            return {SIGNATURE_HEADER: self._sign(self._auth_token, signed_url(url), fields)}
        sid, secret = self._shared_key
        return {
            SIGNATURE_HEADER: self._sign(secret, signed_url(url), fields, HMAC_SHA256),
            SIGNATURE_SETTINGS_HEADER: f"key={sid},algorithm={HMAC_SHA256}",
        }

    def socket_headers(self, url: str) -> dict[str, str]:
        """The signature header of a media stream's upgrade: the wss URL alone is signed."""
        return {SIGNATURE_HEADER: self._sign(self._auth_token, url, {})}

    @staticmethod
    def _sign(secret: str, url: str, fields: Fields, algorithm: str | None = None) -> str:
        # A MultiDict, because the validator asks a plain dict in a way that costs it an exception per field.
        return str(RequestValidator(secret).compute_signature(url, MultiDict(fields), algorithm))


def signed_url(url: str) -> str:
    """The part of a webhook's URL that is signed: no fragment, no userinfo, and on https no port.

    Source: Twilio "Webhooks security".
    """
    parts = urlsplit(url)
    return urlunsplit(SplitResult(parts.scheme, _signed_host(parts), parts.path, parts.query, ""))


def _signed_host(parts: SplitResult) -> str:
    host = parts.netloc.rpartition("@")[2]
    return host.partition(":")[0] if parts.scheme == "https" else host
