"""Who gets in: what the service looks at before a socket is opened, and how it refuses."""

import hmac
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from bmv.simulator.openai import realtime_settings, wire
from bmv.simulator.openai.events import EventWriter, error_body
from bmv.simulator.openai.faults import Endpoint, Refusal


@dataclass(frozen=True, slots=True)
class _Door:
    path: str
    models: tuple[str, ...]


DOORS: Final[dict[Endpoint, _Door]] = {
    "translations": _Door("/realtime/translations", (wire.MODEL,)),
    "realtime": _Door("/realtime", realtime_settings.MODELS),
}
"""The two endpoints that open sockets, with the models that each serves."""

MODELS: Final = tuple(model for door in DOORS.values() for model in door.models)
TRANSCRIPTION_MODELS: Final = ("gpt-realtime-whisper", "gpt-live-transcribe", "gpt-transcribe")
"""What sessions may be told to transcribe with; only whether they are there can be asked."""


class Admission:
    """Who gets in at OpenAI. What differs elsewhere differs here (see `azure`)."""

    prefix = "/v1"
    """Where the endpoints are."""
    wrong_key: Refusal = Refusal.of(401)
    nothing_here: Refusal | None = None
    """What an address without an endpoint says; None for OpenAI's own words."""

    def __init__(self, api_key: str) -> None:
        self.api_key = api_key

    def objection(self, request: web.Request, endpoint: Endpoint) -> Refusal | None:
        """Check the key before the model, and the model before anything else, like the real service."""
        if (refusal := self.key_objection(request)) is not None:
            return refusal
        model = request.query.get("model")
        if not model:
            return Refusal(400, "missing_model", "You must provide a model parameter.")
        if (refusal := self.model_objection(model, endpoint)) is not None:
            return refusal
        if "intent" in request.query:
            return Refusal(400, "invalid_intent", f"Invalid intent {request.query['intent']}")
        return None

    def key_objection(self, request: web.Request) -> Refusal | None:
        """Check the key."""
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not key:
            return Refusal(401, None, "Missing bearer or basic authentication in header")
        if not hmac.compare_digest(key.encode(), self.api_key.encode()):
            return self.wrong_key
        return None

    def model_objection(self, name: str, endpoint: Endpoint) -> Refusal | None:
        """Check whether an endpoint has a model."""
        if name not in DOORS[endpoint].models:
            return Refusal(404, "model_not_found", f"The model '{name}' does not exist or is not yours to use.")
        return None

    def speech_objection(self, request: web.Request) -> Refusal | None:  # noqa: ARG002
        """Check what else the speech endpoint wants of a request."""
        return None

    def name_objection(self, name: str) -> Refusal | None:  # noqa: ARG002
        """Check whether a name means a model at all; here each is its own."""
        return None

    def model(self, name: str) -> str:
        """Give the model that a name means."""
        return name

    def plain(self, message: str | bytes) -> str | bytes:
        """Give a client's message with models in it for other names. RefusedEvent."""
        return message

    def refused(self, refusal: Refusal) -> web.Response:
        """Give the answer to a request that is refused."""
        error = {"message": refusal.message, "type": refusal.kind, "param": None, "code": refusal.code}
        headers = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
        return web.json_response({"error": error}, status=refusal.status, headers=headers)


def is_beta(request: web.Request) -> bool:
    """Tell whether the client speaks the interface that ended on 12 May 2026."""
    return "realtime=" in request.headers.get("OpenAI-Beta", "") or "openai-beta" in request.headers.get(
        "Sec-WebSocket-Protocol", ""
    )


async def reject_beta(socket: web.WebSocketResponse) -> None:
    """Say so, and close."""
    code = "beta_api_shape_disabled"
    await socket.send_str(EventWriter().error(error_body("The Realtime Beta API is no longer supported.", code=code)))
    await socket.close(code=4000, message=f"invalid_request_error.{code}".encode())
