"""Twilio's own package for Python, led to the fake Twilio."""

from twilio.http.async_http_client import AsyncTwilioHttpClient

from bmv.simulator.twilio import FakeTwilio


class SdkClient(AsyncTwilioHttpClient):  # type: ignore[misc]
    """What the package asks its requests with: each goes to the fake's address instead of Twilio's."""

    def __init__(self, twilio: FakeTwilio) -> None:
        super().__init__()
        self._url = twilio.url

    async def request(self, method, url, *args, **kwargs):  # type: ignore[no-untyped-def]
        kwargs["timeout"] = None
        for host in ("api", "taskrouter"):
            url = url.replace(f"https://{host}.twilio.com", self._url)
        return await super().request(method, url, *args, **kwargs)
