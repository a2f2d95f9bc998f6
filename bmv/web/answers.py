"""What the handlers of Twilio's webhooks have in common: which call a form is about, and how it is answered."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from bmv.telephony.sids import sid_of


def call_sid_of(form: Mapping[str, str]) -> str:
    """Which call a voice webhook is about; Twilio's always say, and without it calls could not be told apart."""
    if call_sid := sid_of(form.get("CallSid")):
        return call_sid
    raise web.HTTPBadRequest(text="no CallSid\n")


def twiml_response(document: str) -> web.Response:
    """TwiML, as Twilio performs it."""
    return web.Response(text=document, content_type="text/xml", charset="utf-8")


def done() -> web.Response:
    """What TaskRouter and status callbacks want to hear."""
    return web.Response(status=204, content_type="application/json")
