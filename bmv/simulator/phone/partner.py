"""The scripted partner: holds a phone by itself and says its lines, each when the other has finished."""

import asyncio
from collections.abc import Sequence
from typing import Final

from bmv.simulator.conversation import Line
from bmv.simulator.twilio import Party

REPLY_AFTER: Final = 1.3
"""Seconds of quiet after which it takes the turn; longer than the script's longest pause."""
LONGEST_NOTICE: Final = 5.0
"""Seconds that the notice at the beginning of a call may take, with the quiet behind it."""
LEAVE_AFTER: Final = 20.0
"""Seconds that it waits for an answer to its last line."""
_FOR_EVER: Final = 86_400.0


async def converse(me: Party, lines: Sequence[Line], *, begins: bool) -> None:
    """Say the lines in turn with whoever is on the line, and wait for the answer to the last one.

    `begins` tells who speaks first. Raises `HungUpError` when the line is cut before that. Who it talks to may say
    anything at all.
    """
    clock = asyncio.get_running_loop().time
    begun = clock()
    await me.hears_quiet(REPLY_AFTER, timeout=_FOR_EVER)
    spoken_to = clock() - begun > LONGEST_NOTICE  # somebody has talked right behind the notice, or during it
    for number, line in enumerate(lines):
        if (number or not begins) and not spoken_to:
            await _listen(me, _FOR_EVER)
        spoken_to = False
        me.say(line.audio())
        await me.done_speaking(timeout=_FOR_EVER)
    try:
        await _listen(me, LEAVE_AFTER)
    except TimeoutError:
        return


async def _listen(me: Party, seconds: float) -> None:
    """Wait until somebody has begun to speak, and is silent again."""
    async with asyncio.timeout(seconds):
        await me.hears_speech(timeout=_FOR_EVER)
        await me.hears_quiet(REPLY_AFTER, timeout=_FOR_EVER)
