"""Events of a translator, handed over or waited for: each way made of the other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from bmv.call.alongside import alongside
from bmv.call.translator import Hear, Translator, TranslatorEvent
from bmv.waiting import Queue


async def told(translator: Translator, hear: Hear) -> None:
    """Hand over all events of a translator as `Telling.tell` does: by that, or by `events` if it has no such thing."""
    tell: Callable[[Translator, Hear], Awaitable[None]] | None = getattr(type(translator), "tell", None)
    if tell is not None:
        await tell(translator, hear)
        return
    async for event in translator.events():
        hear(event)


async def events_of(tell: Callable[[Hear], Awaitable[None]]) -> AsyncIterator[TranslatorEvent]:
    """What is told, as `Translator.events` gives it. Whatever is not taken yet is kept, however much that is."""
    said: Queue[TranslatorEvent | None] = Queue()

    async def listen() -> None:
        try:
            await tell(said.put_nowait)
        finally:
            said.put_nowait(None)

    async with alongside(listen()):
        while (event := await said.get()) is not None:
            yield event
