"""What an account at Twilio has, and how it is changed: numbers, TwiML Apps, Studio flows, the TaskRouter workspace.

Every method of `TwilioAccount` is one or a few requests of the SDK's, and raises `rest.RestError` when one is refused,
not answered in time, or answered with what cannot be read. Lists are complete: every page is fetched.
Source: the SDK's classes; which of Twilio's documents they mirror is told in docs/twilio.md.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

from twilio.rest import Client

from bmv.telephony import rest, sdk
from bmv.telephony.belongings import (
    Account,
    Alert,
    CustomerProfile,
    FlexConfiguration,
    Flow,
    Kind,
    PhoneNumber,
    Queue,
    Resource,
    Workflow,
    account,
    alert,
    app,
    customer_profile,
    flex_configuration,
    flow,
    flow_errors,
    phone_number,
    workflow,
    workspace,
)

__all__ = [
    "Account",
    "Alert",
    "CustomerProfile",
    "FlexConfiguration",
    "Flow",
    "Kind",
    "PhoneNumber",
    "Queue",
    "Resource",
    "TwilioAccount",
    "Workflow",
]

COMMIT_MESSAGE = "Be My Voice: setup"
_ALERTS_PER_PAGE = 1000  # the most that Twilio gives
_MOST_PAGES = 1000  # of 50 records and more; a list that goes on and on would fill the memory

T = TypeVar("T")


class TwilioAccount:
    """The account that a client is signed in to. Every request may take `request_seconds`; a list, that per page."""

    def __init__(self, client: Client, request_seconds: float = rest.REQUEST_SECONDS) -> None:
        self._client = client
        self._seconds = request_seconds

    # --- what there is -----------------------------------------------------------------------------------------------

    async def account(self) -> Account:
        """The account itself: the cheapest proof that the credentials are right."""
        return await self._one(self._client.api.v2010.accounts(self._client.account_sid).fetch_async(), account)

    async def numbers(self) -> list[PhoneNumber]:
        """Every number of the account. A number of another account, or of a subaccount, is not among them."""
        return await self._all(self._client.incoming_phone_numbers.page_async(), phone_number)

    async def apps(self, name: str) -> list[Resource]:
        """The TwiML Apps of exactly this name; there may be several."""
        found = await self._all(self._client.applications.page_async(friendly_name=name), app)
        return [each for each in found if each.name == name]

    async def flows(self) -> list[Flow]:
        """Every Studio flow, with the status of its latest revision but without its definition: `fetch` has it."""
        return await self._all(self._client.studio.v2.flows.page_async(), flow)

    async def flex(self) -> FlexConfiguration | None:
        """The configuration of Flex; None where the account has no Flex."""
        request = self._client.flex_api.v1.configuration().fetch_async()
        try:
            return await self._one(request, flex_configuration)
        except rest.RestError as error:
            if error.status == 404:
                return None
            raise

    async def workspaces(self) -> list[Resource]:
        """Every TaskRouter workspace; with Flex there is normally one."""
        return await self._all(self._client.taskrouter.v1.workspaces.page_async(), workspace)

    async def workflows(self, workspace_sid: str) -> list[Workflow]:
        """Every workflow of a workspace, with the queues that it may lead to."""
        return await self._all(self._workspace(workspace_sid).workflows.page_async(), workflow)

    async def queue(self, workspace_sid: str, queue_sid: str) -> Queue:
        """A queue and its people; who is `available` may be busy all the same."""
        within = self._workspace(workspace_sid)
        name = await self._one(within.task_queues(queue_sid).fetch_async(), lambda each: str(each.friendly_name or ""))
        available = await self._all(within.workers.page_async(task_queue_sid=queue_sid), lambda each: each.available)
        return Queue(queue_sid, name, len(available), sum(each is True for each in available))

    async def alerts(self, since: datetime, limit: int) -> list[Alert]:
        """What Twilio's debugger noted, the newest first. `since` has a time zone; Twilio keeps alerts for 30 days."""
        request = self._client.monitor.v1.alerts.page_async(
            start_date=since.astimezone(UTC), page_size=_ALERTS_PER_PAGE
        )
        found = await self._all(request, alert)
        return sorted(found, key=lambda each: each.at, reverse=True)[:limit]

    async def customer_profiles(self) -> list[CustomerProfile]:
        """The compliance profiles that Twilio has approved."""
        request = self._client.trusthub.v1.customer_profiles.page_async(status="twilio-approved")
        return await self._all(request, customer_profile)

    async def policy_name(self, policy_sid: str) -> str:
        """What a profile's policy is called: "Primary Customer Profile of type Business" is that of a business."""
        policy = self._client.trusthub.v1.policies(policy_sid)
        return await self._one(policy.fetch_async(), lambda each: str(each.friendly_name or ""))

    # --- and what setup may change -----------------------------------------------------------------------------------

    async def fetch(self, kind: Kind, sid: str) -> Resource:
        """How a resource is now; of a flow, its latest revision."""
        return await self._one(self._context(kind, sid).fetch_async(), _READERS[kind])

    async def create(self, kind: Literal[Kind.APP, Kind.FLOW], name: str, values: Mapping[str, str]) -> Resource:
        """Make a TwiML App or a flow. A `RestError` whose `nothing_done` is false may have made it nevertheless."""
        if kind == Kind.FLOW:
            request = self._client.studio.v2.flows.create_async(friendly_name=name, **_revision(values))
        else:
            request = self._client.applications.create_async(friendly_name=name, **values)
        return await self._one(request, _READERS[kind])

    async def update(self, kind: Kind, sid: str, values: Mapping[str, str]) -> Resource:
        """Change the values given, "" clears one; the others stay. A flow gets a new revision, published unless
        `status` says draft.
        """
        changes = _revision(values) if kind == Kind.FLOW else values
        return await self._one(self._context(kind, sid).update_async(**changes), _READERS[kind])

    async def delete(self, kind: Literal[Kind.APP, Kind.FLOW], sid: str) -> None:
        """Remove a TwiML App or a flow for good. One that is gone already raises with status 404."""
        await sdk.ask(self._context(kind, sid).delete_async(), self._seconds)

    async def invalid_flow(self, name: str, definition: str) -> list[str]:
        """What Studio finds wrong with a definition, in words; [] = it is valid. Nothing is changed."""
        validation = self._client.studio.v2.flow_validate.update_async(
            friendly_name=name, status="published", definition=definition
        )
        try:
            valid = await self._one(validation, lambda each: each.valid is True)
        except rest.RestError as error:
            if errors := flow_errors(error.__cause__):
                return errors
            raise
        return [] if valid else ["Studio finds it invalid and does not say why"]

    # --- how ---------------------------------------------------------------------------------------------------------

    def _workspace(self, sid: str) -> Any:
        return self._client.taskrouter.v1.workspaces(sid)

    def _context(self, kind: Kind, sid: str) -> Any:
        match kind:
            case Kind.NUMBER:
                return self._client.incoming_phone_numbers(sid)
            case Kind.APP:
                return self._client.applications(sid)
            case Kind.FLOW:
                return self._client.studio.v2.flows(sid)
            case Kind.WORKSPACE:
                return self._workspace(sid)

    async def _one(self, request: Awaitable[Any], read: Callable[[Any], T]) -> T:
        async def reading() -> T:
            return read(await request)

        return await sdk.ask(reading(), self._seconds)

    async def _all(self, first: Awaitable[Any], read: Callable[[Any], T]) -> list[T]:
        found: list[T] = []
        request = first
        for _ in range(_MOST_PAGES):
            page, records = await sdk.ask(_records(request, read), self._seconds)
            found += records
            if not page.next_page_url:
                return found
            request = page.next_page_async()
        raise rest.RestError(f"Twilio's list does not end after {_MOST_PAGES} pages")


async def _records(request: Awaitable[Any], read: Callable[[Any], T]) -> tuple[Any, list[T]]:
    try:
        page = await request
        return page, [read(each) for each in page]
    except (LookupError, TypeError) as error:  # from the SDK, for a page that is none
        raise ValueError(f"no page of a list ({error!r})") from error


def _revision(values: Mapping[str, str]) -> dict[str, str]:
    return {"status": "published", "commit_message": COMMIT_MESSAGE, **values}


_READERS: Mapping[Kind, Callable[[Any], Resource]] = {
    Kind.NUMBER: phone_number,
    Kind.APP: app,
    Kind.FLOW: flow,
    Kind.WORKSPACE: workspace,
}
