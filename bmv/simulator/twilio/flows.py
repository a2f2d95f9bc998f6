"""Studio flows by REST: made, changed, checked, published.

Sources: Twilio "Studio Flow" and "FlowRevision" resources, and the `twilio` package. What is checked of a definition is
what the documents of its schema promise; the real Studio checks the widgets' properties too.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from bmv.simulator.twilio.asking import Asked, Json, Route, listing, missing
from bmv.simulator.twilio.exchange import Exchange
from bmv.simulator.twilio.holdings import Revision, StudioFlow
from bmv.simulator.twilio.refusals import RefusalError

_HOST: Final = "studio.twilio.com"
_WHEN: Final = "2026-11-01T12:00:00Z"


def _flows(exchange: Exchange, asked: Asked) -> Json:
    asked.filters()
    # The list does not have what is large.
    nothing = {"definition": None, "commit_message": None, "valid": None, "errors": None, "warnings": None}
    records = [_flow_json(exchange, flow) | nothing for flow in exchange.holdings.flows]
    return listing(exchange, asked, "flows", records, _HOST)


def _create(exchange: Exchange, asked: Asked) -> Json:
    given = asked.fields("FriendlyName Status Definition CommitMessage")
    _need(given, "FriendlyName", "Status", "Definition")
    flow = StudioFlow(given["FriendlyName"], [_revision(given)])
    exchange.holdings.flows.append(flow)
    return _flow_json(exchange, flow)


def _fetch(exchange: Exchange, asked: Asked, sid: str) -> Json:
    asked.fields("")
    return _flow_json(exchange, _find(exchange, asked, sid))


def _update(exchange: Exchange, asked: Asked, sid: str) -> Json:
    flow = _find(exchange, asked, sid)
    given = asked.fields("FriendlyName Status Definition CommitMessage")
    _need(given, "Status")
    flow.revisions.append(_revision(given, flow.latest))
    flow.name = given.get("FriendlyName", flow.name)
    return _flow_json(exchange, flow)


def _delete(exchange: Exchange, asked: Asked, sid: str) -> None:
    exchange.holdings.flows.remove(_find(exchange, asked, sid))


def _validate(_exchange: Exchange, asked: Asked) -> Json:
    given = asked.fields("FriendlyName Status Definition CommitMessage")
    _need(given, "FriendlyName", "Status", "Definition")
    _revision(given)
    return {"valid": True}


def _revisions(exchange: Exchange, asked: Asked, sid: str) -> Json:
    asked.filters()
    flow = _find(exchange, asked, sid)
    records = [_flow_json(exchange, flow, number) for number in range(len(flow.revisions), 0, -1)]
    return listing(exchange, asked, "revisions", records, _HOST)


def _fetch_revision(exchange: Exchange, asked: Asked, sid: str, revision: str) -> Json:
    asked.fields("")
    flow = _find(exchange, asked, sid)
    if revision == "LatestPublished" and flow.published is not None:
        return _flow_json(exchange, flow, flow.revisions.index(flow.published) + 1)
    if revision == "LatestRevision":
        return _flow_json(exchange, flow)
    if revision.isdecimal() and 1 <= int(revision) <= len(flow.revisions):
        return _flow_json(exchange, flow, int(revision))
    raise missing(asked)


def _find(exchange: Exchange, asked: Asked, sid: str) -> StudioFlow:
    for flow in exchange.holdings.flows:
        if flow.sid == sid:
            return flow
    raise missing(asked)


def _need(given: dict[str, str], *names: str) -> None:
    for name in names:
        if not given.get(name):
            raise RefusalError(400, 20001, f"Missing required parameter {name} in the post body")


def _revision(given: dict[str, str], before: Revision | None = None) -> Revision:
    if given["Status"] not in ("draft", "published"):
        raise RefusalError(400, 20001, f"Status is neither draft nor published: {given['Status']}")
    if "Definition" not in given and before is not None:
        definition = before.definition
    else:
        definition = _definition(given["Definition"])
    return Revision(definition, given["Status"], given.get("CommitMessage", ""))


def _definition(text: str) -> dict[str, Any]:
    try:
        definition = json.loads(text)
    except ValueError:
        raise _invalid([("is not JSON", "#/")]) from None
    if errors := list(_errors(definition)):
        raise _invalid(errors)
    return definition if isinstance(definition, dict) else {}


def _errors(definition: Any) -> Iterator[tuple[str, str]]:
    """What is wrong with a definition: messages, and where."""
    if not isinstance(definition, dict) or not isinstance(definition.get("states"), list):
        yield "object has missing required properties", "#/states"
        return
    states = [state if isinstance(state, dict) else {} for state in definition["states"]]
    names = [state.get("name") for state in states]
    if definition.get("initial_state") not in names:
        yield "the initial state does not exist", "#/initial_state"
    for number, state in enumerate(states):
        if names.count(state.get("name")) > 1:
            yield "widget names must be unique", f"#/states/{number}/name"
        for which, transition in enumerate(state.get("transitions", [])):
            if transition.get("next") not in (None, *names):
                yield "transition leads to a widget that does not exist", f"#/states/{number}/transitions/{which}/next"


def _invalid(errors: list[tuple[str, str]]) -> RefusalError:
    details: Json = {"errors": [{"message": message, "property_path": where} for message, where in errors]}
    return RefusalError(400, 20001, "Flow definition is invalid", details)


def _flow_json(exchange: Exchange, flow: StudioFlow, number: int | None = None) -> Json:
    number = number or len(flow.revisions)
    revision = flow.revisions[number - 1]
    account_sid, url = exchange.account_sid, f"https://{_HOST}/v2/Flows/{flow.sid}"
    return {
        "account_sid": account_sid,
        "author_sid": None,
        "commit_message": revision.message or None,
        "date_created": _WHEN,
        "date_updated": _WHEN,
        # Nobody promises an order of keys, so it is not the one that was sent.
        "definition": _turned(revision.definition),
        "errors": [],
        "friendly_name": flow.name,
        "links": {"revisions": f"{url}/Revisions", "executions": f"{url}/Executions", "test_users": f"{url}/TestUsers"},
        "revision": number,
        "sid": flow.sid,
        "status": revision.status,
        "url": url,
        "valid": True,
        "warnings": [],
        "webhook_url": f"https://webhooks.twilio.com/v1/Accounts/{account_sid}/Flows/{flow.sid}",
    }


def _turned(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _turned(value[name]) for name in reversed(value)}
    return [_turned(each) for each in value] if isinstance(value, list) else value


_ONE: Final = r"/v2/Flows/(FW\w+)"
ROUTES: Final = (
    Route("POST", "/v2/Flows/Validate", _validate),
    Route("GET", "/v2/Flows", _flows),
    Route("POST", "/v2/Flows", _create, 201),
    Route("GET", _ONE, _fetch),
    Route("POST", _ONE, _update),
    Route("DELETE", _ONE, _delete, 204),
    Route("GET", rf"{_ONE}/Revisions", _revisions),
    Route("GET", rf"{_ONE}/Revisions/(\w+)", _fetch_revision),
)
