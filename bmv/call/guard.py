"""What becomes of somebody else's bugs: a translator that raises what it must not is lost, and the call goes on."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from bmv.call.telling import told
from bmv.call.translator import Hear, LanguagePair, Translator, TranslatorFactory, TranslatorLost
from bmv.metrics import Histogram

log = structlog.get_logger()


@asynccontextmanager
async def guarded_session(
    factory: TranslatorFactory, pair: LanguagePair, uplink: Histogram
) -> AsyncIterator[Translator]:
    """A session. Entering raises nothing but `TranslatorLost`, and what closing raises is only logged: it is over."""
    try:
        session = factory.open(pair, uplink)
        translator = await session.__aenter__()
    except TranslatorLost:
        raise
    except Exception as bug:
        raise broken(bug) from bug
    try:
        yield translator
    finally:
        try:
            await session.__aexit__(*sys.exc_info())
        except Exception as error:
            log.warning("translator_not_closed_in_order", exc_info=error)


async def guarded_telling(translator: Translator, hear: Hear) -> None:
    """Have `hear` told all events of a translator; raises nothing but `TranslatorLost`."""
    try:
        await told(translator, hear)
    except TranslatorLost:
        raise
    except Exception as bug:
        raise broken(bug) from bug


def broken(bug: Exception) -> TranslatorLost:
    """Log what a translator raised, and give the loss that it comes to; another try would meet the same."""
    log.error("translator_broken", exc_info=bug)
    return lost_by(bug)


def lost_by(bug: Exception) -> TranslatorLost:
    """The loss that a bug comes to, which is logged already."""
    return TranslatorLost(f"the translator has a bug ({type(bug).__name__}): see the log", permanent=True)
