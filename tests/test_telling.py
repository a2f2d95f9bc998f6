"""Events handed over and events waited for: the same ones, whichever of the two a translator has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from fakes import FakeTranslator, HandClock, lost, settle
from renewals import PAIR, nobody_else

from bmv.call.telling import events_of, told
from bmv.call.translator import Alive, Expiring, Hear, Processed, TranslatorEvent, TranslatorLost

EVENTS: list[TranslatorEvent] = [Alive(), Processed(3), Expiring()]


class Telling(FakeTranslator):
    """Has both ways; by `tell` it says something else first."""

    async def tell(self, hear: Hear) -> None:
        hear(Processed(1000))
        async for event in self.events():
            hear(event)


def saying(kind: type[FakeTranslator], error: Exception | None = None) -> FakeTranslator:
    translator = kind(PAIR, HandClock())
    translator.show_life()
    translator.process(3)
    translator.expire()
    if error:
        translator.lose(error)
    else:
        translator.end()
    return translator


async def test_events_are_handed_over_where_a_translator_can_only_be_asked_for_them() -> None:
    heard: list[TranslatorEvent] = []
    await told(saying(FakeTranslator), heard.append)
    assert heard == EVENTS


async def test_a_translator_that_tells_is_not_asked() -> None:
    heard: list[TranslatorEvent] = []
    await told(saying(Telling), heard.append)
    assert heard == [Processed(1000), *EVENTS]


async def test_what_somebody_elses_attributes_lead_to_is_not_taken_for_a_way_of_its_own() -> None:
    class Around:
        def __init__(self, inner: Telling) -> None:
            self._inner = inner

        def __getattr__(self, name: str) -> object:
            return getattr(self._inner, name)

        async def events(self) -> AsyncIterator[TranslatorEvent]:
            yield Processed(7)

    around = Around(Telling(PAIR, HandClock()))
    heard: list[TranslatorEvent] = []
    await told(around, heard.append)  # type: ignore[arg-type]
    assert heard == [Processed(7)]


@pytest.mark.parametrize("error", [None, lost(), ZeroDivisionError()])
async def test_what_is_told_can_be_asked_for_with_its_end(error: Exception | None) -> None:
    translator = saying(Telling, error)
    assert isinstance(translator, Telling)
    heard: list[TranslatorEvent] = []
    found: Exception | None = None
    try:
        async for event in events_of(translator.tell):
            heard.append(event)
    except (TranslatorLost, ZeroDivisionError) as raised:
        found = raised
    assert heard == [Processed(1000), *EVENTS]
    assert found is error
    assert nobody_else()


async def test_who_stops_asking_leaves_no_task_behind() -> None:
    translator = Telling(PAIR, HandClock())

    async def listen() -> None:
        async for _ in events_of(translator.tell):
            pass

    listening = asyncio.create_task(listen())
    await settle()
    listening.cancel()
    await asyncio.wait([listening])
    assert listening.cancelled()
    assert nobody_else()
