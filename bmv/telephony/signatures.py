"""Whether a request really comes from Twilio: webhooks and the WebSocket upgrade.

Source: Twilio's "Webhooks security", "Media Streams" and "Webhook shared keys". Twilio signs the public address as it
was configured, so the host is taken from our settings and never from a header; a proxy or tunnel in between does not
matter then. The signature is made by the `twilio` SDK; its own `validate` is not used because it tries port 80 for wss.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping

import structlog
from multidict import MultiMapping
from twilio.request_validator import (
    HMAC_SHA1,
    HMAC_SHA256,
    SIGNATURE_HEADER,
    SIGNATURE_SETTINGS_HEADER,
    RequestValidator,
    get_signature_algorithm,
)

log = structlog.get_logger()


def sign(url: str, form: Mapping[str, str], secret: str, algorithm: str = HMAC_SHA1) -> str:
    """What Twilio writes into `X-Twilio-Signature` of a request to `url` with these posted fields.

    `secret` is the account's auth token, or a shared key for HMAC-SHA256. Raises `UnicodeEncodeError` for what is not
    UTF-8.
    """
    signature: str = RequestValidator(secret).compute_signature(url, form, algorithm)
    return signature


def signed_headers(url: str, form: Mapping[str, str], secret: str, algorithm: str = HMAC_SHA1) -> dict[str, str]:
    """The headers by which a request proves that it comes from Twilio; see `sign`."""
    settings = {} if algorithm == HMAC_SHA1 else {SIGNATURE_SETTINGS_HEADER: f"algorithm={algorithm}"}
    return {SIGNATURE_HEADER: sign(url, form, secret, algorithm)} | settings


class SignatureVerifier:
    """Checks `X-Twilio-Signature` for one public host."""

    def __init__(
        self,
        public_host: str,
        *,
        auth_token: str,
        secondary_auth_token: str | None = None,
        shared_key: str | None = None,
    ) -> None:
        """Either auth token makes a good signature, which is of use while they are changed.

        `shared_key` is the secret of HMAC-SHA256 signatures; without it such requests are refused.
        """
        self._host = public_host
        self._secrets = {
            HMAC_SHA1: [token for token in (auth_token, secondary_auth_token) if token],
            HMAC_SHA256: [shared_key] if shared_key else [],
        }
        self._told = False

    def why_refused(
        self, scheme: str, raw_path: str, form: MultiMapping[str], headers: MultiMapping[str]
    ) -> str | None:
        """None if the request is signed by Twilio, else why not, in plain words.

        `scheme` is `https` or `wss`, `raw_path` the path with its query exactly as received, `form` every field that
        was posted (empty for an upgrade).
        """
        signature = headers.get(SIGNATURE_HEADER)
        if not signature:
            return f"no {SIGNATURE_HEADER} header: not from Twilio"
        algorithm = get_signature_algorithm(headers.get(SIGNATURE_SETTINGS_HEADER)).upper()
        secrets = self._secrets.get(algorithm)
        if not secrets:
            return f"signed with {algorithm}: set TWILIO_WEBHOOK_SHARED_KEY if your account signs with a shared key"
        try:
            for place, secret in enumerate(secrets):
                for url in self._candidates(scheme, raw_path):
                    expected = sign(url, form, secret, algorithm).encode()
                    if hmac.compare_digest(expected, signature.encode("utf-8", "replace")):
                        self._note(secondary=place > 0)
                        return None
        except UnicodeEncodeError:
            return "the request is not UTF-8: not from Twilio"
        return "the signature does not fit: check PUBLIC_HOST, and TWILIO_AUTH_TOKEN against the console"

    def _note(self, *, secondary: bool) -> None:
        """Say once that Twilio signs with the secondary token: the change of tokens can be brought to its end."""
        if secondary and not self._told:
            self._told = True
            log.warning("secondary_auth_token_fits", where="requests from Twilio")

    def _candidates(self, scheme: str, raw_path: str) -> Iterable[str]:
        """The same address as Twilio may have written it: with and without port and trailing slash."""
        path, question_mark, query = raw_path.partition("?")
        other = path.removesuffix("/") if path.endswith("/") else path + "/"
        for host in (self._host, f"{self._host}:443"):
            for spelling in (path, other):
                yield f"{scheme}://{host}{spelling}{question_mark}{query}"
