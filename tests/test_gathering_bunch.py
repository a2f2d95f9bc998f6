"""Frames that were read together: they are heard so, and in their place among keys, marks and the end."""

import asyncio

import pytest
import wires
from aiohttp import web
from stream_line import START, line

from bmv.audio import mulaw
from bmv.telephony.gathering import Bunch, Gathering
from bmv.telephony.streams import MediaStream

SIZE = 100


class Heard:
    """What a bunch of frames, numbered by their first byte, came to; on a socket whose kernel is asked for nothing."""

    def __init__(self) -> None:
        self.sounds: list[list[int]] = []
        self.patient = True
        self.bunch = Bunch(self._hear, Gathering(None))

    def _hear(self, sound: bytes) -> bool:
        self.sounds.append([frame[0] for frame in mulaw.frames(sound)])
        if BUG in self.sounds[-1]:
            raise ZeroDivisionError
        return self.patient

    def come(self, *numbers: int) -> None:
        for number in numbers:
            self.bunch.add(bytes([number]) * mulaw.FRAME_BYTES, SIZE)


BUG = 255


async def test_frames_that_come_together_are_heard_five_at_a_time_and_the_rest_before_anything_is_waited_for() -> None:
    heard = Heard()
    heard.come(1)
    assert heard.sounds == [[1]]
    heard.come(2, 3, 4, 5, 6, 7, 8)
    assert heard.sounds[1:] == [[2, 3, 4, 5, 6]]
    await asyncio.sleep(0)
    assert heard.sounds[2:] == [[7, 8]]
    heard.come(9, 10, 11, 12, 13)
    await asyncio.sleep(0)
    assert heard.sounds[3:] == [[9, 10, 11, 12, 13]]


async def test_while_somebody_waits_for_them_frames_are_heard_one_by_one() -> None:
    heard = Heard()
    heard.patient = False
    heard.come(1, 2, 3)
    assert heard.sounds == [[1], [2], [3]]


async def test_a_bug_that_shows_when_nobody_is_told_comes_out_with_the_next_frame_or_at_the_end() -> None:
    heard = Heard()
    heard.come(1, BUG)
    await asyncio.sleep(0)
    assert heard.sounds == [[1], [BUG]]
    with pytest.raises(ZeroDivisionError):
        heard.come(3)
    with pytest.raises(ZeroDivisionError):
        heard.bunch.flush()


async def test_keys_marks_and_the_end_keep_their_place_behind_the_frames_before_them() -> None:
    def hear(sound: bytes) -> bool:
        order.extend(frame[0] for frame in mulaw.frames(sound))
        return True

    async def serve(ws: web.WebSocketResponse) -> bool:
        return await MediaStream(ws, START).listen(hear, order.append, order.append)

    order: list[object] = []
    said = [wires.frame(number) for number in range(10)]
    async with line(serve) as (ws, ended):
        for number, frame in enumerate(said):
            await ws.send_json(wires.media(frame))
            if number == 3:
                await ws.send_json(wires.mark("7"))
            if number == 7:
                await ws.send_json(wires.dtmf("#"))
        await ws.send_json(wires.stop())
        async with asyncio.timeout(10):
            assert await ended
    numbers: list[object] = [frame[0] for frame in said]
    assert order == [*numbers[:4], "7", *numbers[4:8], "#", *numbers[8:]]
