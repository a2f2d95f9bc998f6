"""Whether both numbers are this account's, can take calls, and lead to us."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Final

from bmv.commands.doctor.account_checks import AccountChecks, asked
from bmv.commands.doctor.check import Check, Fault, NotChecked, Notes
from bmv.commands.doctor.webhook_urls import problem_of
from bmv.config import Settings
from bmv.telephony.account import Kind, PhoneNumber

CALLERS: Final = frozenset({"/welcome", "/incoming-call"})
FLEX: Final = frozenset({"/outbound-call"})
STATUS: Final = frozenset({"/call-status"})

_FLOW = re.compile(r"https://webhooks\.[\w.-]*twilio\.com/v1/Accounts/(AC\w{32})/Flows/(FW\w{32})\b")
_NEVER_RINGS = "Until then Flex never rings."
_ELSEWHERE = (
    "Both numbers must belong to the account of TWILIO_ACCOUNT_SID, not to its parent or a subaccount: look at Phone "
    "Numbers, Manage, Active numbers there."
)


class NumberChecks:
    """The checks of the number that callers dial, and of what leads into Flex: another number, or a TwiML App."""

    def __init__(self, settings: Settings, account: AccountChecks, *, flex: bool) -> None:
        self._settings = settings
        self._account = account
        self.numbers = Check("numbers", self._numbers)
        self.caller = Check("caller number", self._caller)
        self.flex: Check[None] | None = None
        if flex and settings.flex_app_sid:
            self.flex = Check("flex app", self._flex_app)
        elif flex:
            self.flex = Check("flex number", self._flex_number)

    @property
    def all(self) -> list[Check[Any]]:
        """In the order of the report; the first has nothing to say when all is well."""
        return [self.numbers, self.caller, *([self.flex] if self.flex else [])]

    async def _numbers(self, notes: Notes) -> dict[str, PhoneNumber]:  # noqa: ARG002
        api = await self._account.api()
        return {number.number: number for number in await asked(api.numbers())}

    async def _caller(self, notes: Notes) -> str | None:
        """Give the Studio flow that callers meet first, None where they meet our server."""
        number = await self._own(self._settings.caller_number, "TWILIO_CALLER_NUMBER")
        url, method = await self._voice_webhook(number)
        if flow := _FLOW.match(url):
            if flow[1] != self._settings.account_sid:
                raise Fault(f"{number.number} leads to a Studio flow of another account", "Run `python -m bmv setup`.")
            self._status(number, notes)
            notes.ok(f"{number.number} leads to the Studio flow {flow[2]}")
            return flow[2]
        self._expect(f"the webhook of {number.number}", url, method, CALLERS)
        self._status(number, notes)
        if url.partition("#")[0].endswith("/incoming-call"):
            notes.warning(
                f"{number.number} leads to /incoming-call without a language: every call goes through untranslated",
                "Have it lead to /welcome, which asks for the language: `python -m bmv setup --no-studio`.",
            )
        else:
            notes.ok(f"{number.number} leads to {_path(url)}")
        return None

    async def _flex_number(self, notes: Notes) -> None:
        number = await self._own(self._settings.flex_number, "TWILIO_FLEX_NUMBER")
        url, method = await self._voice_webhook(number)
        self._expect(f"the webhook of {number.number}", url, method, FLEX, symptom=_NEVER_RINGS)
        notes.ok(f"{number.number} leads to {_path(url)}")

    async def _flex_app(self, notes: Notes) -> None:
        api, sid = await self._account.api(), self._settings.flex_app_sid or ""
        gone = Fault(
            f"TWILIO_FLEX_APP_SID names {sid}, and this account has no such TwiML App",
            f"Leave it out and run `python -m bmv setup --app`, which makes one. {_NEVER_RINGS}",
        )
        app = await asked(api.fetch(Kind.APP, sid), gone=gone)
        self._expect(
            f"the webhook of “{app.name}”",
            app.values["voice_url"],
            app.values["voice_method"],
            FLEX,
            symptom=_NEVER_RINGS,
        )
        notes.ok(f"“{app.name}” leads to {_path(app.values['voice_url'])}")

    async def _own(self, number: str | None, setting: str) -> PhoneNumber:
        if not number:
            raise NotChecked(f"{setting} is not set, or no use")
        own = await self.numbers.value()
        if number not in own:
            raise Fault(f"{number} ({setting}) is no number of this account", _ELSEWHERE)
        if not own[number].voice:
            raise Fault(f"{number} ({setting}) cannot take calls", "Buy a number with voice.")
        return own[number]

    async def _voice_webhook(self, number: PhoneNumber) -> tuple[str, str]:
        """Address and method that count: a trunk or a TwiML App overrides the number's own."""
        if trunk := number.values["trunk_sid"]:
            raise Fault(
                f"{number.number} gives its calls to the SIP trunk {trunk}",
                "Take it out of the trunk: Console, Elastic SIP Trunking. `python -m bmv setup` does it, too.",
            )
        if sid := number.values["voice_application_sid"]:
            gone = Fault(
                f"{number.number} gives its calls to the TwiML App {sid}, which is gone",
                "Take it off the number: `python -m bmv setup` does it.",
            )
            app = await asked((await self._account.api()).fetch(Kind.APP, sid), gone=gone)
            return app.values["voice_url"], app.values["voice_method"]
        return number.values["voice_url"], number.values["voice_method"]

    def _expect(self, what: str, url: str, method: str, paths: Collection[str], *, symptom: str = "") -> None:
        """Raise `Fault` if the address is none of ours, or is not called by POST."""
        host = self._settings.public_host
        if not host:
            raise NotChecked("PUBLIC_HOST is not set, or no use")
        if problem := problem_of(url, host=host, paths=paths):
            raise Fault(f"{what} {problem.words}", f"{problem.remedy} {symptom}".rstrip())
        if method and method != "POST":
            raise Fault(
                f"{what} is called by {method}", f"Set it to HTTP POST: `python -m bmv setup`. {symptom}".rstrip()
            )

    def _status(self, number: PhoneNumber, notes: Notes) -> None:
        """See that we are told when the caller's call is over: what else says so, the media stream, may break."""
        host, url = self._settings.public_host, number.values["status_callback"]
        if not host:
            return
        problem = problem_of(url, host=host, paths=STATUS)
        if problem or number.values["status_callback_method"] not in ("", "POST"):
            notes.warning(
                f"the status callback of {number.number} {problem.words if problem else 'is not called by POST'}",
                "Without it, a caller who hangs up while the stream fails is noticed late. `python -m bmv setup`.",
            )


def _path(url: str) -> str:
    return "/" + url.split("/", 3)[-1].partition("?")[0].partition("#")[0]
