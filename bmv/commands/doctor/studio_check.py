"""Whether the Studio flow that callers meet hands them to our server: "the call drops after please wait"."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import islice, product
from typing import Any

from bmv.commands.doctor.account_checks import AccountChecks, asked
from bmv.commands.doctor.check import Check, Fault, NotChecked, Notes
from bmv.commands.doctor.number_checks import CALLERS, NumberChecks
from bmv.commands.doctor.webhook_urls import problem_of
from bmv.telephony.account import Kind

_NAMED = r"\{{\{{\s*flow\.variables\.{}\s*\}}\}}"
_VARIABLE = re.compile(_NAMED.format(r"(\w+)"))
_MOST_READINGS = 200


def studio_check(host: str | None, account: AccountChecks, numbers: NumberChecks) -> Check[None]:
    """Make the check of the flow that the caller number leads to."""

    async def make(notes: Notes) -> None:
        sid = await numbers.caller.value()
        if sid is None:
            raise NotChecked("callers reach the server without one", well=True)
        if not host:
            raise NotChecked("PUBLIC_HOST is not set, or no use")
        gone = Fault(
            f"the Studio flow {sid}, to which the caller number leads, is gone",
            "Have the number lead here, or to a new flow: `python -m bmv setup`, with --no-studio or --studio. "
            "The call drops.",
        )
        flow = await asked((await account.api()).fetch(Kind.FLOW, sid), gone=gone)
        if flow.values["status"] != "published":
            notes.warning(
                f"the latest revision of “{flow.name}” is a draft: callers meet an older one, or none",
                "Publish it in Studio, or run `python -m bmv setup`.",
            )
        definition = json.loads(flow.values["definition"])
        _judge(flow.name, definition, host)
        _judge_ways(flow.name, definition, host, notes)
        notes.ok(f"“{flow.name}” hands callers to https://{host}/incoming-call")

    return Check("studio flow", make)


def _judge(name: str, definition: Mapping[str, Any], host: str) -> None:
    """Raise `Fault` for a redirect that no request can be sent to, and if none leads to us."""
    redirects = dict.fromkeys(redirects_of(definition))
    problems = {url: problem_of(url, host=host, paths=CALLERS) for url in redirects}
    worst = [each for each in problems.values() if each and each.malformed]
    if not redirects:
        raise Fault(
            f"“{name}” never hands the call to a server", "Import the flow anew: `python -m bmv setup`. The call drops."
        )
    if worst or all(problems.values()):
        problem = (worst or [each for each in problems.values() if each])[0]
        raise Fault(f"“{name}” hands callers on to an address that {problem.words}", problem.remedy)


def _judge_ways(name: str, definition: Mapping[str, Any], host: str, notes: Notes) -> None:
    """See how the redirects that lead to us do so. Raises `Fault` for one that the server does not take."""
    variables = _variables(definition)
    ours = [
        widget
        for widget in _redirects(definition)
        if any(problem_of(url, host=host, paths=CALLERS) is None for url in _readings(widget, variables))
    ]
    if any(str(widget.get("method") or "POST").upper() != "POST" for widget in ours):
        raise Fault(
            f"“{name}” hands callers on by GET",
            "Set the redirect's method to POST in Studio, or run `python -m bmv setup --studio`. The call drops.",
        )
    if not any("lang=" in url or "/welcome" in url for url in (str(widget.get("url")) for widget in ours)):
        notes.warning(
            f"“{name}” hands callers on without a language (?lang=…): every call goes through untranslated",
            "Let the redirect end in ?lang= and the caller's choice: `python -m bmv setup --studio` makes such a flow.",
        )


def redirects_of(definition: Mapping[str, Any]) -> Iterator[str]:
    """Every address that the flow's redirects may lead to, with each value that its variables are given."""
    variables = _variables(definition)
    for widget in _redirects(definition):
        yield from _readings(widget, variables)


def _variables(definition: Mapping[str, Any]) -> Mapping[str, list[str]]:
    """Every value that each variable is given somewhere in the flow."""
    variables: dict[str, list[str]] = {}
    for widget in _widgets(definition, "set-variables"):
        for each in widget.get("variables") or []:
            variables.setdefault(str(each.get("key")), []).append(str(each.get("value")))
    return variables


def _redirects(definition: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return _widgets(definition, "add-twiml-redirect")


def _widgets(definition: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    """The properties of all widgets of a kind."""
    states = [state for state in definition.get("states") or [] if isinstance(state, dict)]
    return [_properties(state) for state in states if state.get("type") == kind]


def _readings(redirect: Mapping[str, Any], variables: Mapping[str, list[str]]) -> Iterator[str]:
    """The address without its query, its variables filled in; one that nothing is known of stays as it is."""
    address = str(redirect.get("url") or "").partition("?")[0]
    names = list(dict.fromkeys(_VARIABLE.findall(address)))
    choices = [variables.get(name) or [f"{{{{flow.variables.{name}}}}}"] for name in names]
    for values in islice(product(*choices), _MOST_READINGS):
        filled = address
        for name, value in zip(names, values, strict=True):
            filled = re.sub(_NAMED.format(name), lambda _, value=value: value, filled)  # type: ignore[misc]
        yield filled


def _properties(state: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = state.get("properties")
    return properties if isinstance(properties, dict) else {}
