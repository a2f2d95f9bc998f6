"""The settings of the telephone side: our host, the account at Twilio, its numbers and where agents are."""

from dataclasses import dataclass

from bmv.config import parsers
from bmv.config.setting import setting

_CONSOLE = "in the Twilio Console (console.twilio.com)"
_ACCOUNT_INFO = f"Copy it {_CONSOLE} from the account's first page, under Account Info."


@dataclass(frozen=True, kw_only=True, slots=True)
class TelephoneSettings:
    """What leads calls here and on to agents; the first part of `Settings`."""

    public_host: str = setting(
        "PUBLIC_HOST",
        parsers.public_host,
        "The host name under which Twilio reaches this server over https, without https:// and without a path.",
        where="It is your own domain, or the host that your tunnel prints (ngrok: the name after https://).",
        also="NGROK_DOMAIN",
    )
    account_sid: str = setting(
        "TWILIO_ACCOUNT_SID",
        parsers.sid("AC"),
        "The Twilio account that owns the phone numbers and Flex.",
        where=_ACCOUNT_INFO,
    )
    auth_token: str = setting(
        "TWILIO_AUTH_TOKEN",
        parsers.auth_token,
        "The account's primary auth token: it makes our calls and proves that a webhook comes from Twilio.",
        where=_ACCOUNT_INFO,
        secret=True,
    )
    secondary_auth_token: str | None = setting(
        "TWILIO_SECONDARY_AUTH_TOKEN",
        parsers.auth_token,
        "The other of two auth tokens while they are changed: both are good. See docs/twilio.md, Signatures.",
        where="Leave it out while no token is being changed.",
        default="",
        also="TWILIO_AUTH_TOKEN_SECONDARY",
        secret=True,
    )
    caller_number: str = setting(
        "TWILIO_CALLER_NUMBER",
        parsers.phone_number,
        "Your Twilio number that callers dial; the call to the agent is made from it as well.",
        where=f"Find it {_CONSOLE} under Phone Numbers, Manage, Active numbers.",
    )
    flex_number: str | None = setting(
        "TWILIO_FLEX_NUMBER",
        parsers.phone_number,
        "Your second Twilio number, which leads into Flex. Not needed with TWILIO_FLEX_APP_SID, and without Flex.",
        where=f"Find it {_CONSOLE} under Phone Numbers, Manage, Active numbers; it must belong to the same account.",
        unless=("TWILIO_FLEX_APP_SID", "AGENT_DESTINATION=!flex"),
    )
    flex_app_sid: str | None = setting(
        "TWILIO_FLEX_APP_SID",
        parsers.sid("AP"),
        "A TwiML App that leads into Flex, used in place of TWILIO_FLEX_NUMBER: calls need no second number then.",
        where=f"Find it {_CONSOLE} under Voice, Manage, TwiML apps.",
        default="",
    )
    flex_workflow_sid: str | None = setting(
        "TWILIO_FLEX_WORKFLOW_SID",
        parsers.sid("WW"),
        "The TaskRouter workflow that finds an agent for the call.",
        where=f"Find it {_CONSOLE} under TaskRouter, Workspaces, Flex Task Assignment, Workflows (Assign to Anyone). "
        "Without Flex, set AGENT_DESTINATION.",
        unless=("AGENT_DESTINATION=!flex",),
    )
    agent_destination: str | None = setting(
        "AGENT_DESTINATION",
        parsers.destination,
        "Where agents are reached: flex, or without Flex a phone number, sip:name@host, or client:name.",
        default="flex",
    )
    webhook_shared_key: str | None = setting(
        "TWILIO_WEBHOOK_SHARED_KEY",
        parsers.word,
        "The secret of a shared key, only where your account signs its webhooks with one (HMAC-SHA256).",
        where="It was shown when the shared key was created.",
        default="",
        secret=True,
    )
