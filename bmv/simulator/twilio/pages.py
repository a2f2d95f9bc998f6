"""Pages of TwiML: how they are fetched from the server and read, and what a caller hears when that fails."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bmv.simulator.twilio import fields
from bmv.simulator.twilio.courier import TWIML_TYPES, DeliveryError
from bmv.simulator.twilio.exchange import Exchange
from bmv.simulator.twilio.signing import Fields
from bmv.simulator.twilio.twiml import TwimlError, parse
from bmv.simulator.twilio.verbs import Hangup, Say, Verb

if TYPE_CHECKING:
    from bmv.simulator.twilio.calls import Call


@dataclass(frozen=True, slots=True)
class Page:
    """A document that is performed, and the URL that it came from ("" for one that came by REST)."""

    verbs: Sequence[Verb]
    url: str


APOLOGY = Page((Say("We are sorry, an application error has occurred. Goodbye.", "en-US", "", 1), Hangup()), "")


async def fetch(call: "Call", url: str, method: str = "POST", extra: Fields | None = None) -> Page:
    """Ask the server for TwiML. What is wrong with its answer is an alert, and the caller hears the usual apology."""
    exchange = call.exchange
    try:
        answer = await exchange.courier.request(url, fields.voice(call) | (extra or {}), method)
        if not 200 <= answer.status < 300:
            raise DeliveryError(11200, f"{url} answered {answer.status}")
        if answer.content_type not in (*TWIML_TYPES, "text/plain"):
            raise DeliveryError(12300, f"{url} answered with content type {answer.content_type}")
    except DeliveryError as error:
        exchange.alert(error.alert.code, error.alert.text)
        return APOLOGY
    return read(exchange, answer.body, url)


def read(exchange: Exchange, text: str, url: str) -> Page:
    """Read a document that came from `url` (where its relative URLs lead). Never fails: see `fetch`."""
    try:
        document = parse(text)
    except TwimlError as error:
        exchange.alert(12100, f"{url or 'Twiml'}: {error}")
        return APOLOGY
    for warning in document.warnings:
        exchange.alert(12200, f"{url or 'Twiml'}: {warning}")
    for code, warning in document.other_warnings:
        exchange.alert(code, f"{url or 'Twiml'}: {warning}")
    return Page(document.verbs, url)
