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
    "translations": _Door("/v1/realtime/translations", (wire.MODEL,)),
    "realtime": _Door("/v1/realtime", realtime_settings.MODELS),
}
"""The two endpoints that open sockets, with the models that each serves."""

MODELS: Final = tuple(model for door in DOORS.values() for model in door.models)


def objection(request: web.Request, endpoint: Endpoint, api_key: str) -> Refusal | None:
    """Check the key before the model, and the model before anything else, like the real service."""
    if (refusal := key_objection(request, api_key)) is not None:
        return refusal
    model = request.query.get("model")
    if not model:
        return Refusal(400, "missing_model", "You must provide a model parameter.")
    if model not in DOORS[endpoint].models:
        return Refusal(404, "model_not_found", f"The model '{model}' does not exist or is not yours to use.")
    if "intent" in request.query:
        return Refusal(400, "invalid_intent", f"Invalid intent {request.query['intent']}")
    return None


def key_objection(request: web.Request, api_key: str) -> Refusal | None:
    """Check the key."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer" or not key:
        return Refusal(401, None, "Missing bearer or basic authentication in header")
    if not hmac.compare_digest(key.encode(), api_key.encode()):
        return Refusal.of(401)
    return None


def refused(refusal: Refusal) -> web.Response:
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
