"""What can be called: telephone numbers, and Twilio's addresses of SIP telephones and Voice SDK clients.

Source: Twilio's "Call resource", parameter `To`.
"""

from __future__ import annotations

import re

_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_ADDRESS = re.compile(r"sip:[^\s@]+@[^\s@]+|client:[\w.%+@-]{1,120}")
LONGEST = 800  # characters; more is refused


def is_number(text: str) -> bool:
    """Whether it is a telephone number as E.164."""
    return bool(_NUMBER.fullmatch(text))


def is_destination(text: str) -> bool:
    """Whether it is a number, a `sip:` or a `client:` address."""
    return len(text) <= LONGEST and (is_number(text) or bool(_ADDRESS.fullmatch(text)))
