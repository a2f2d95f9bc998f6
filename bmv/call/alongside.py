"""A task that lives exactly as long as the block it serves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def alongside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run `work` beside the block, and cancel it and wait for its end when the block is left, however it is left.

    Unlike in a `TaskGroup` the block's own exception comes out as it is, which is what lets `TranslatorLost` be caught
    by its name. If the block succeeds and `work` had failed, its exception is raised.
    """
    task = asyncio.create_task(work)
    try:
        yield
    except BaseException:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # looked at: the block's own exception is the one to report
        raise
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled() and (error := task.exception()) is not None:
        raise error
