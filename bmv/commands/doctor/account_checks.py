"""Whether the account at Twilio can be used: its token, its state, and how many calls it may hold at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final, TypeVar

from bmv.commands.doctor.check import Check, Fault, NotChecked, Notes
from bmv.telephony.account import Account, TwilioAccount
from bmv.telephony.rest import RestError

WRONG_TOKEN: Final = 20003
BUSINESS: Final = "Primary Customer Profile of type Business"
"""What Trust Hub calls the policy of a profile with which an account may hold many calls."""
CALLS_WITH_FLEX, CALLS_WITHOUT = 4, 2
"""How many calls at once one translated call takes: the caller's, ours to Flex, its other end, and the agent's."""

T = TypeVar("T")


async def asked(request: Awaitable[T], *, gone: Fault | None = None) -> T:
    """What Twilio answers. Raises `Fault` in place of `RestError`; `gone` where there is no such thing."""
    try:
        return await request
    except RestError as error:
        if gone is not None and error.status == HTTPStatus.NOT_FOUND:
            raise gone from error
        raise Fault(str(error), "Try again; if it stays, see status.twilio.com and this machine's network.") from error


class AccountChecks:
    """The checks of the account itself, and the account for those that build on it."""

    def __init__(
        self,
        connect: Callable[[str], TwilioAccount],
        *,
        tokens: tuple[str | None, str | None],
        flex: bool,
        now: Callable[[], float],
    ) -> None:
        """`connect` signs in with a token; `tokens` are the primary and the secondary one, None for what is no use."""
        self._connect = connect
        self._primary, self._secondary = tokens
        self._valid = ""
        self._flex = flex
        self.now = now
        """Seconds of Unix time."""
        self.account = Check("twilio account", self._account)
        self.second = Check("secondary token", self._second)
        self.concurrency = Check("calls at once", self._concurrency)

    @property
    def all(self) -> list[Check[Any]]:
        """In the order of the report; without a second token there is nothing to say of it."""
        return [self.account, *([self.second] if self._secondary else []), self.concurrency]

    async def api(self) -> TwilioAccount:
        """The account, signed in to; raises `NotChecked` where that does not work."""
        await self.account.value()
        return self._connect(self._valid)

    async def _account(self, notes: Notes) -> Account:
        if self._primary is None:
            raise NotChecked("TWILIO_ACCOUNT_SID or TWILIO_AUTH_TOKEN is not set, or no use")
        account = await self._signed_in(notes)
        if account.status != "active":
            raise Fault(
                f"the account is {account.status}",
                "No call goes in or out. Look at the Console's first page: it may be a matter of billing.",
            )
        if account.kind == "Trial":
            notes.fault(
                "this is a trial account, and those are reported to block media streams",
                "Upgrade it (Console, Billing). Until then the call drops after “please hold”, or is silent.",
            )
        else:
            notes.ok(f"“{account.name}”, {account.kind.lower()} and active; the token is valid")
        return account

    async def _signed_in(self, notes: Notes) -> Account:
        self._valid = self._primary or ""
        try:
            return await self._connect(self._valid).account()
        except RestError as error:
            if error.code == WRONG_TOKEN or error.status in (401, 403):
                if account := await self._with_second():
                    notes.warning(
                        "Twilio takes TWILIO_SECONDARY_AUTH_TOKEN and no more TWILIO_AUTH_TOKEN: the change is made",
                        "Put the new token into TWILIO_AUTH_TOKEN, and take out the other setting. Then restart.",
                    )
                    return account
                raise Fault(
                    f"Twilio does not take TWILIO_ACCOUNT_SID with TWILIO_AUTH_TOKEN ({error.code or error.status})",
                    "Copy both afresh from the Console's first page, Account Info: the primary auth token of the "
                    "account that owns the numbers, not of its parent, and no API key. "
                    "After a rotation the old one is void.",
                ) from error
            if error.status is None:
                raise Fault(
                    str(error), "Look at this machine's way to the internet, and at TWILIO_API_BASE_URL if you set it."
                ) from error
            raise Fault(str(error), "Try again; if it stays, see status.twilio.com.") from error

    async def _with_second(self) -> Account | None:
        """The account, where the secondary token has become the primary one."""
        if not self._secondary:
            return None
        try:
            account = await self._connect(self._secondary).account()
        except RestError:
            return None
        self._valid = self._secondary
        return account

    async def _second(self, notes: Notes) -> None:
        await self.account.value()
        try:
            await self._connect(self._secondary or "").account()
        except RestError as error:
            notes.warning(
                f"Twilio does not take TWILIO_SECONDARY_AUTH_TOKEN ({error.code or error.status or 'no answer'})",
                "It is only needed while tokens are changed: take it out, or copy the new one from the Console.",
            )
        else:
            notes.ok("valid")

    async def _concurrency(self, notes: Notes) -> None:
        account, api = await self.account.value(), await self.api()
        needed = CALLS_WITH_FLEX if self._flex else CALLS_WITHOUT
        remedy = (
            "Console, Trust Hub, Customer profiles: have a Business profile approved (of a subaccount, in its parent). "
            "With too few, Flex never rings, and Twilio's error is 10004."
        )
        if account.kind == "Trial":
            notes.warning(f"a trial account holds 5 calls at once, and one translated call takes {needed}", remedy)
            return
        try:
            policies = {profile.policy_sid for profile in await api.customer_profiles()}
            approved = await asyncio.gather(*(api.policy_name(sid) for sid in sorted(policies)))
        except RestError as error:
            raise NotChecked(f"{error}; one translated call takes {needed} calls at once") from error
        if BUSINESS in approved:
            notes.ok(f"a Business profile is approved; one translated call takes {needed}")
            return
        few = "2 calls at once, or 3 with an Individual profile"
        notes.warning(
            f"no Business profile is approved: if the account was upgraded after 2 February 2026, it holds {few}, and "
            f"one translated call takes {needed}; older accounts are not limited so",
            remedy,
        )
