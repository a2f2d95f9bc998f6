"""What setup is asked to do, and what may come of it."""

from __future__ import annotations

from dataclasses import dataclass

from bmv.commands.exits import FAILED, WRONG_SETTINGS
from bmv.errors import BmvError


@dataclass(frozen=True, kw_only=True)
class SetupRequest:
    """The options. `studio` None: as the caller number leads now; `app`: a TwiML App in place of the Flex number."""

    host: str | None = None
    caller_number: str | None = None
    flex_number: str | None = None
    studio: bool | None = None
    app: bool = False
    dry_run: bool = False
    yes: bool = False
    force: bool = False
    undo: bool = False


class SetupFailed(BmvError):
    """It cannot be done, or was not done whole; says why in plain words, and what to do."""

    exit_code = FAILED


class Unsettled(SetupFailed):
    """Nothing was changed: an option or a setting has to say first what is wanted."""

    exit_code = WRONG_SETTINGS
