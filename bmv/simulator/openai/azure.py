"""Azure OpenAI, where it differs: another path, the key in another header, and names of deployments for models.

Sources: Microsoft's "Realtime API reference" and "Use the GPT Realtime API via WebSockets"; the refusals as clients
reported them (docs/openai.md, "Azure OpenAI"). The real one also takes an Entra token as `Authorization: Bearer`; this
one refuses it, since our server never sends one.
"""

import hmac
import json
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from bmv.simulator.openai.admission import DOORS, Admission
from bmv.simulator.openai.checks import RefusedEvent
from bmv.simulator.openai.faults import Endpoint, Refusal

_TRANSCRIBER: Final = ("session", "audio", "input", "transcription")


class AzureAdmission(Admission):
    """Who gets in at one resource."""

    prefix = "/openai/v1"
    wrong_key = Refusal(401, "401", "Access denied due to invalid subscription key or wrong API endpoint.")
    nothing_here = Refusal(404, "404", "Resource not found")

    def __init__(self, api_key: str, deployments: Mapping[str, str]) -> None:
        """`deployments` gives the model of each by its name."""
        super().__init__(api_key)
        self._deployments = deployments

    def key_objection(self, request: web.Request) -> Refusal | None:
        """Look for the key in `api-key`, and refuse one that came as a bearer's."""
        key = request.headers.get("api-key", "")
        if "Authorization" in request.headers or not hmac.compare_digest(key.encode(), self.api_key.encode()):
            return self.wrong_key
        return None

    def model_objection(self, name: str, endpoint: Endpoint) -> Refusal | None:
        """Look for the deployment, and whether its model is one of this endpoint."""
        if (refusal := self.name_objection(name)) is not None:
            return refusal
        if self.model(name) not in DOORS[endpoint].models:
            message = f"The realtime operation does not work with the specified model, {name}."
            return Refusal(400, "OpperationNotSupported", message)
        return None

    def speech_objection(self, request: web.Request) -> Refusal | None:
        """The speech endpoint is documented in the preview only. Whether the real one insists is not known."""
        return None if request.query.get("api-version") == "preview" else self.nothing_here

    def name_objection(self, name: str) -> Refusal | None:
        """Look for the deployment."""
        if name in self._deployments:
            return None
        return Refusal(404, "DeploymentNotFound", "The API deployment for this resource does not exist.")

    def model(self, name: str) -> str:
        """What is behind the name of a deployment."""
        return self._deployments[name]

    def plain(self, message: str | bytes) -> str | bytes:
        """Put the model in place of the deployment that is to transcribe, and leave everything else to the checks.

        How the real one refuses a name that is no deployment is not known.
        """
        try:
            event = json.loads(message)
        except ValueError:
            return message
        wanted: Any = event
        for name in _TRANSCRIBER:
            wanted = wanted.get(name) if isinstance(wanted, dict) else None
        if not isinstance(wanted, dict) or not isinstance(wanted.get("model"), str):
            return message
        path = ".".join((*_TRANSCRIBER, "model"))
        if wanted["model"] not in self._deployments:
            raise RefusedEvent("invalid_value", f"Invalid value: '{wanted['model']}' is no deployment.", path)
        wanted["model"] = self.model(wanted["model"])
        return json.dumps(event)

    def refused(self, refusal: Refusal) -> web.Response:
        """Give the answer to a request that is refused; there are but two fields in it."""
        headers = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
        error = {"code": refusal.code, "message": refusal.message}
        return web.json_response({"error": error}, status=refusal.status, headers=headers)
