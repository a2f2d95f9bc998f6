"""Twilio's error codes that matter here: what each means for a call, and what to do. And the check of its error log.

Source: Twilio's "Error and warning dictionary" (twilio.com/docs/api/errors).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from bmv.commands.doctor.account_checks import AccountChecks
from bmv.commands.doctor.check import Check, NotChecked, Notes
from bmv.telephony.account import Alert
from bmv.telephony.rest import RestError

HOURS: Final = 24
MOST_ALERTS: Final = 1000
_PAGE = "https://www.twilio.com/docs/api/errors"


class Meaning(NamedTuple):
    """What an error code means for a call, and what to do about it."""

    words: str
    remedy: str


_UNREACHABLE = "See what is said above of the public host."
_STREAM = "The caller hears “please hold”, then the call drops. See “media streams” above."
_CERTIFICATE = Meaning("the server's certificate is not believed", "See “certificate” above.")

MEANINGS: Final[dict[int, Meaning]] = {
    10004: Meaning(
        "too many calls at once for this account",
        "Flex never rings then. Have a Business profile approved: Console, Trust Hub, Customer profiles.",
    ),
    11100: Meaning(
        "an address that is none: a placeholder, or https:// twice",
        "The call drops after “please wait”. See “studio flow” above; `python -m bmv setup` writes the right address.",
    ),
    11200: Meaning("a webhook was not answered with 200", "See “webhooks” above, and this server's log."),
    11205: Meaning("the server could not be reached, or did not answer in time", _UNREACHABLE),
    11210: Meaning("the server's name is not known", _UNREACHABLE),
    11215: Meaning("the server's address leads on to others without end", _UNREACHABLE),
    11217: Meaning("a webhook was answered with an error (4xx or 5xx)", "See “webhooks” above, and this server's log."),
    11220: Meaning("no TLS connection to the server", "See “certificate” above."),
    11235: _CERTIFICATE,
    11236: _CERTIFICATE,
    11237: _CERTIFICATE,
    11750: Meaning("a webhook was answered with a page in place of TwiML", "See “public server” above."),
    12100: Meaning(
        "a webhook was answered with what is no TwiML", "Something else answers: see “public server” above."
    ),
    12300: Meaning(
        "a webhook was answered with a web page, or with nothing",
        "Something else answers, a tunnel's page of warning perhaps: see “public server” above.",
    ),
    20003: Meaning(
        "SID and token do not fit", "See “twilio account” above. An old token may still be in use elsewhere."
    ),
    20429: Meaning(
        "too many requests at once", "Flex may not ring. Ask Twilio for more calls per second, or call less."
    ),
    21210: Meaning(
        "the agent call was to come from a number that is not this account's",
        "Flex never rings. See “caller number” above.",
    ),
    21215: Meaning(
        "calls to the country of the Flex number are not allowed",
        "Flex never rings. Console, Voice, Settings, Geo permissions.",
    ),
    21219: Meaning("a trial account called a number that is not verified", "Upgrade the account."),
    31901: Meaning("the media stream was not answered in time", _STREAM),
    31902: Meaning("the media stream was refused", _STREAM),
    31903: Meaning("the media stream broke", "The server ended or lost its network: see its log."),
    31910: Meaning("no TLS connection for the media stream", "See “certificate” above."),
    31920: Meaning("the media stream was not opened as a WebSocket", _STREAM),
    31921: Meaning("the media stream was closed from our side", "See “stream_refused” in this server's log."),
    31922: Meaning("the media stream's address has a wrong scheme", "Set PUBLIC_HOST to the bare host name."),
    31923: Meaning("the media stream's address is malformed", "Set PUBLIC_HOST to the bare host name."),
    31931: Meaning("more than ten minutes of sound waited to be played", "This is a bug of ours; please report it."),
    31950: Meaning("a message on the media stream was malformed", "This is a bug of ours; please report it."),
    31951: Meaning("a message on the media stream was not valid", "This is a bug of ours; please report it."),
}


def error_log_check(account: AccountChecks) -> Check[None]:
    """Make the check of what Twilio's debugger noted in the last 24 hours."""

    async def make(notes: Notes) -> None:
        api = await account.api()
        now = datetime.fromtimestamp(account.now(), UTC)
        try:
            alerts = await api.alerts(now - timedelta(hours=HOURS), MOST_ALERTS)
        except RestError as error:
            raise NotChecked(str(error)) from error
        others = []
        for code, same in groupby(sorted(alerts, key=lambda each: each.code), key=lambda each: each.code):
            if meaning := MEANINGS.get(code):
                notes.warning(f"{code} {_often(list(same))}: {meaning.words}", meaning.remedy)
            else:
                others.append(f"{code} {_often(list(same))}")
        if others:
            notes.warning(f"besides: {'; '.join(others)}", f"Look each up at {_PAGE}/<code>; it may be none of a call.")
        if not alerts:
            notes.ok(f"Twilio noted no error in the last {HOURS} hours")

    return Check("twilio's error log", make)


def _often(same: Sequence[Alert]) -> str:
    """How often, when last, and at which address, without its query: that may name a person."""
    last = max(same, key=lambda alert: alert.at)
    times = "once" if len(same) == 1 else f"{len(same)} times"
    address = urlsplit(last.url)
    where = f" at {address.hostname}{address.path}" if address.hostname else ""
    return f"({times}, last {last.at:%d %b %H:%M} UTC{where})"
