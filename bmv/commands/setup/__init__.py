"""`python -m bmv setup`: points a Twilio account at this server, and takes that back.

It goes in three parts, and only the last changes anything: look (the account, read whole), decide (what shall serve,
asked where it is not clear; what has to change for that; whether it may), do (step by step, with a journal).
"""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from rich.console import Console
from rich.text import Text

from bmv.commands.exits import INTERRUPTED
from bmv.commands.plain import plain
from bmv.commands.setup.alone import alone
from bmv.commands.setup.asking import Asker, console
from bmv.commands.setup.conversation import Conversation
from bmv.commands.setup.inputs import Tunnel
from bmv.commands.setup.request import SetupFailed, SetupRequest
from bmv.commands.setup.setup_view import SetupView
from bmv.commands.tunnel import ngrok_host
from bmv.telephony import rest

__all__ = ["SetupRequest", "setup"]


def setup(
    request: SetupRequest,
    folder: Path = Path(),
    *,
    tunnel: Tunnel = ngrok_host,
    request_seconds: float = rest.REQUEST_SECONDS,
) -> int:
    """Set up (or undo) with the settings of a folder. Returns the exit code: 0, 1 failed, 2 unsettled, 130 stopped.

    `tunnel` tells the public host where none is set; as it is, a running ngrok. A request to Twilio may
    take `request_seconds`.
    """
    screen = console()
    view = SetupView(screen)
    conversation = Conversation(request, folder, view, Asker.at_this_terminal(screen), request_seconds)
    try:
        with nullcontext() if request.dry_run else alone(folder):
            return conversation.undo() if request.undo else conversation.set_up(tunnel)
    except SetupFailed as failure:
        Console(stderr=True, highlight=False).print(Text(plain(str(failure))), soft_wrap=True)
        return failure.exit_code
    except KeyboardInterrupt:
        view.say("\nStopped." if conversation.begun else "\nStopped. Nothing was changed.")
        return INTERRUPTED
