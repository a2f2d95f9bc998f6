"""Who is asked what to do with a call: the webhook behind a number, an app, or a Studio flow."""

import re
from dataclasses import dataclass
from typing import Final

from bmv.simulator.twilio.exchange import App, Exchange, Number

_STUDIO: Final = re.compile(r"https?://webhooks\.twilio\.com/v1/Accounts/(AC\w+)/Flows/(FW\w+)/?")


@dataclass(frozen=True, slots=True)
class VoiceHook:
    """`url` None: nobody can be asked, which is an alert already."""

    url: str | None
    method: str
    status_callback: str
    status_callback_method: str


def voice_hook(exchange: Exchange, to: str) -> VoiceHook:
    """Who is asked about a call to a number, or to `app:AP…`, of this account. Raises `KeyError` for another."""
    callee: Number | App
    if to.startswith("app:"):
        callee = exchange.apps[to.removeprefix("app:")]
        url: str | None = callee.voice_url
    else:
        number = callee = exchange.numbers[to]
        url = number.voice_url
        if number.trunk_sid:
            exchange.alert(11100, f"{to}: trunk_sid is set, so the call went to {number.trunk_sid}")
            url = None
        elif number.voice_application_sid:
            callee = exchange.apps[number.voice_application_sid]
            url = callee.voice_url
    if url and (flow := _STUDIO.fullmatch(url)):
        url = _where_the_flow_leads(exchange, *flow.groups())
        return VoiceHook(url, "POST", callee.status_callback or "", callee.status_callback_method)
    return VoiceHook(url, callee.voice_method, callee.status_callback or "", callee.status_callback_method)


def _where_the_flow_leads(exchange: Exchange, account_sid: str, flow_sid: str) -> str | None:
    """The address to which a flow redirects its call: Studio itself is not simulated, see `Holdings.studio`."""
    held = exchange.holdings
    flow = next((each for each in held.flows if each.sid == flow_sid), None)
    if account_sid != exchange.account_sid or flow is None:
        exchange.alert(11200, f"no flow {flow_sid} in {account_sid}")
    elif flow.published is None:
        exchange.alert(11200, f"the flow {flow_sid} was never published")
    elif held.studio is None:
        exchange.alert(11200, f"nothing here can run the flow {flow_sid}: set `twilio.account.studio`")
    else:
        return held.studio(flow.published.definition)
    return None
