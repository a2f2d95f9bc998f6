"""Calls that the server orders by REST: who may be called as whom, how they ring, and what they are connected to."""

import asyncio
from dataclasses import dataclass
from math import inf
from urllib.parse import parse_qsl

from bmv.simulator.twilio.calls import Call, CallPlan
from bmv.simulator.twilio.exchange import Exchange, Outcome, Phone
from bmv.simulator.twilio.line import Endpoint
from bmv.simulator.twilio.pages import Page, fetch, read
from bmv.simulator.twilio.party import Party
from bmv.simulator.twilio.refusals import RefusalError
from bmv.simulator.twilio.signing import Fields
from bmv.simulator.twilio.voicehooks import VoiceHook, voice_hook
from bmv.simulator.twilio.watch import HungUpError


@dataclass(frozen=True, slots=True)
class Order:
    """The form of a request to make a call, and the status events that it asks for."""

    form: Fields
    events: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Inbound:
    """A call that arrives at a number or an app of this account. It is its own: nothing links it to the first."""

    plan: CallPlan
    hook: VoiceHook


def place(exchange: Exchange, order: Order) -> Call:
    """Make the call that was ordered; it rings in the background. Raises `RefusalError`."""
    form = order.form
    if exchange.courier.closed:
        raise RefusalError(503, 20503, "the telephone company is closing")
    from_ = _caller(exchange, form)
    destination = _destination(exchange, form, from_)
    if not any(form.get(name) for name in ("Url", "Twiml", "ApplicationSid")):
        raise RefusalError(400, 21205, "Url, Twiml or ApplicationSid is required")
    if (app := form.get("ApplicationSid")) and app not in exchange.apps:
        raise RefusalError(400, 21218, f"ApplicationSid {app} does not exist")
    to, parameters = _split(form["To"])
    plan = CallPlan(
        from_,
        to,
        "outbound-api",
        parameters=parameters,
        status_callback=form.get("StatusCallback", ""),
        status_callback_method=form.get("StatusCallbackMethod", "POST"),
        events=order.events,
    )
    outcome, exchange.next_outcome = exchange.next_outcome, None
    call = Call(exchange, plan)
    exchange.ordered.put_nowait(call)
    exchange.spawn(_Placing(exchange, call, order).run(destination, outcome))
    return call


def _caller(exchange: Exchange, form: Fields) -> str:
    if not form.get("From"):
        raise RefusalError(400, 21213, "From is required")
    from_ = form["From"]
    if from_ in exchange.numbers:
        return from_
    if exchange.tokens.get(form.get("CallToken", "")) == from_:
        return from_
    raise RefusalError(400, 21210, f"The source phone number provided, {from_}, is not yet verified for your account")


def _split(to: str) -> tuple[str, Fields]:
    """An address and what stands behind its `?`."""
    address, _, query = to.partition("?")
    return address, dict(parse_qsl(query, keep_blank_values=True))


def _destination(exchange: Exchange, form: Fields, from_: str) -> _Inbound | Phone:
    if not form.get("To"):
        raise RefusalError(400, 21201, "To is required")
    if len(form["To"]) > 800:
        raise RefusalError(400, 21211, "To is longer than 800 characters")
    to, parameters = _split(form["To"])
    if parameters and to.startswith("+"):
        raise RefusalError(400, 21211, f"A phone number takes no parameters: {form['To']}")
    if (phone := exchange.phones.get(to)) is not None:
        return Phone(phone) if isinstance(phone, Party) else phone
    if to in exchange.numbers:
        return _inbound(exchange, from_, to, parameters)
    if to.startswith("app:") and to.removeprefix("app:") in exchange.apps:
        return _inbound(exchange, from_, to, parameters)
    raise RefusalError(400, 21211, f"The phone number you are attempting to call, {to}, is not valid")


def _inbound(exchange: Exchange, from_: str, to: str, parameters: Fields) -> _Inbound:
    hook = voice_hook(exchange, to)
    plan = CallPlan(from_, to, "inbound", parameters, {}, hook.status_callback, hook.status_callback_method)
    return _Inbound(plan, hook)


class _Placing:
    def __init__(self, exchange: Exchange, call: Call, order: Order) -> None:
        self._exchange = exchange
        self._call = call
        self._order = order

    async def run(self, destination: _Inbound | Phone, outcome: Outcome | None) -> None:
        """The whole life of the call."""
        call = self._call
        call.progress("initiated", "initiated")
        far = await call.stage(self._ring(destination, outcome))
        page = None
        if far is not None:
            call.far = far
            if "TimeLimit" in self._order.form:
                call.limit(float(self._order.form["TimeLimit"]))
            call.answer()
            page = await call.stage(self._page())
        await call.live(page, far)

    async def _ring(self, destination: _Inbound | Phone, outcome: Outcome | None) -> Endpoint | None:
        """Ring until somebody answers; None: nobody did, and the call is over."""
        self._call.progress("ringing", "ringing")
        timeout, seconds = float(self._order.form.get("Timeout", 60)), self._exchange.ring_seconds
        await asyncio.sleep(min(seconds, timeout))
        if seconds > timeout or outcome is not None:
            self._call.end(outcome or "no-answer")
            return None
        if isinstance(destination, Phone):
            return await self._ring_phone(destination, timeout - seconds)
        return await self._ring_number(destination, timeout - seconds)

    async def _ring_phone(self, phone: Phone, timeout: float) -> Endpoint | None:
        seconds = inf if phone.outcome == "no-answer" else phone.ring_seconds
        await asyncio.sleep(min(seconds, timeout))
        if seconds > timeout or phone.outcome is not None:
            self._call.end("no-answer" if seconds > timeout else phone.outcome)
            return None
        self._call.on_close.append(phone.party.cut_off)
        return phone.party

    async def _ring_number(self, destination: _Inbound, timeout: float) -> Endpoint | None:
        call, other = self._call, Call(self._exchange, destination.plan)
        call.on_close.append(other.end)
        # A far end that never answered is told by `answered`, which knows how the call failed.
        other.on_close.append(lambda: call.end("completed") if other.was_answered else None)
        self._exchange.spawn(other.take(destination.hook, None))
        try:
            await other.answered(timeout=timeout)
        except TimeoutError:
            call.end("no-answer")
            return None
        except HungUpError:
            call.end("busy" if other.status == "busy" else "no-answer")
            return None
        return other

    async def _page(self) -> Page:
        form = self._order.form
        if app := form.get("ApplicationSid"):
            return await fetch(self._call, self._exchange.apps[app].voice_url, self._exchange.apps[app].voice_method)
        if url := form.get("Url"):
            return await fetch(self._call, url, form.get("Method", "POST"))
        return read(self._exchange, form["Twiml"], "")
