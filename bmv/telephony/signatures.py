"""Whether a request really comes from Twilio: webhooks and the WebSocket upgrade.

Source: Twilio's "Webhooks security", "Media Streams" and "Webhook shared keys". Twilio signs the public address as it
was configured, so the host is taken from our settings and never from a header; a proxy or tunnel in between does not
matter then. The signature is made by the `twilio` SDK; its own `validate` is not used because it tries port 80 for wss.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable

from multidict import MultiMapping
from twilio.request_validator import (
    HMAC_SHA1,
    HMAC_SHA256,
    SIGNATURE_HEADER,
    SIGNATURE_SETTINGS_HEADER,
    RequestValidator,
    get_signature_algorithm,
)


class SignatureVerifier:
    """Checks `X-Twilio-Signature` for one public host."""

    def __init__(self, public_host: str, *, auth_token: str, shared_key: str | None = None) -> None:
        """`shared_key` is the secret of HMAC-SHA256 signatures; without it such requests are refused."""
        self._host = public_host
        self._validators = {HMAC_SHA1: RequestValidator(auth_token)}
        if shared_key:
            self._validators[HMAC_SHA256] = RequestValidator(shared_key)

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
        validator = self._validators.get(algorithm)
        if validator is None:
            return f"signed with {algorithm}: set TWILIO_WEBHOOK_SHARED_KEY if your account signs with a shared key"
        try:
            for url in self._candidates(scheme, raw_path):
                expected: str = validator.compute_signature(url, form, algorithm)
                if hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
                    return None
        except UnicodeEncodeError:
            return "the request is not UTF-8: not from Twilio"
        return "the signature does not fit: check PUBLIC_HOST, and TWILIO_AUTH_TOKEN against the console"

    def _candidates(self, scheme: str, raw_path: str) -> Iterable[str]:
        """The same address as Twilio may have written it: with and without port and trailing slash."""
        path, question_mark, query = raw_path.partition("?")
        other = path.removesuffix("/") if path.endswith("/") else path + "/"
        for host in (self._host, f"{self._host}:443"):
            for spelling in (path, other):
                yield f"{scheme}://{host}{spelling}{question_mark}{query}"
