"""Looks at the account: everything that the plan is made from, read once, before anybody decides anything."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from bmv.commands.setup.inputs import Credentials, Given
from bmv.commands.setup.request import SetupFailed, Unsettled
from bmv.telephony import sdk
from bmv.telephony.account import Account, FlexConfiguration, Flow, Kind, PhoneNumber, Resource, TwilioAccount, Workflow
from bmv.telephony.rest import RestError

NAME = "Be My Voice"
"""What our flow and our TwiML App are called at Twilio."""


@dataclass(frozen=True)
class Found:
    """What the account has. `flows` and `apps` are those of our name, and the app that a setting names."""

    account: Account
    numbers: Sequence[PhoneNumber]
    flows: Sequence[Flow]
    apps: Sequence[Resource]
    flex: FlexConfiguration | None
    workspaces: Sequence[Resource]
    workflows: Mapping[str, Sequence[Workflow]]
    """By the sid of the workspace."""


@asynccontextmanager
async def signed_in(credentials: Credentials, request_seconds: float) -> AsyncIterator[TwilioAccount]:
    """The account, over a connection of its own; a request may take so long."""
    async with aiohttp.ClientSession() as http:
        client = sdk.connect(
            http,
            account_sid=credentials.account_sid,
            auth_token=credentials.auth_token,
            base_url=credentials.base_url,
        )
        yield TwilioAccount(client, request_seconds)


async def look(twilio: TwilioAccount, given: Given) -> Found:
    """Read it all; nothing is changed. Raises `RestError`, and `SetupFailed` where it can go no further."""
    account = await twilio.account()
    if account.status != "active":
        raise SetupFailed(f"This Twilio account is {account.status}; see console.twilio.com. Nothing was changed.")
    numbers = await twilio.numbers()
    flows = [await twilio.fetch(Kind.FLOW, flow.sid) for flow in await twilio.flows() if flow.name == NAME]
    with_flex = given.destination is None
    apps = await twilio.apps(NAME) if with_flex else []
    if with_flex and given.app_sid and given.app_sid not in [app.sid for app in apps]:
        apps = [*apps, await _app(twilio, given.app_sid)]
    workspaces = await twilio.workspaces() if with_flex else []
    return Found(
        account,
        numbers,
        [flow for flow in flows if isinstance(flow, Flow)],
        apps,
        await twilio.flex() if with_flex else None,
        workspaces,
        {workspace.sid: await twilio.workflows(workspace.sid) for workspace in workspaces},
    )


async def _app(twilio: TwilioAccount, sid: str) -> Resource:
    try:
        return await twilio.fetch(Kind.APP, sid)
    except RestError as error:
        if error.status != 404:
            raise
        raise Unsettled(
            f"TWILIO_FLEX_APP_SID names {sid}, and this account has no such TwiML App. Leave it blank; with --app one "
            "is made. Nothing was changed."
        ) from error


def in_plain_words(error: RestError, credentials: Credentials) -> SetupFailed:
    """What a failed request means for whoever runs setup, and what to do."""
    if error.status == 401 or error.code == 20003:
        return Unsettled(
            "Twilio does not accept TWILIO_ACCOUNT_SID with TWILIO_AUTH_TOKEN. Copy both anew from the first page of "
            "console.twilio.com (Account Info); the token must be the primary one of that very account."
        )
    if error.code is None and error.status is None:
        return SetupFailed(
            f"{error}. Twilio was asked at {credentials.base_url}: is this machine connected, and is a "
            "TWILIO_API_BASE_URL that you set right? Then try again."
        )
    more = f" (twilio.com/docs/api/errors/{error.code})" if error.code else ""
    return SetupFailed(f"{error}{more}. Try again.")
