"""Sound is sent in messages that end with what came last."""

import asyncio

from bmv.translators.batch import Batch

FRAME = bytes(160)
BUG = b"\1" * 160


class Sent:
    """What a batch sent, as numbers of frames."""

    def __init__(self, size: int) -> None:
        self.messages: list[int] = []
        self.bugs: list[Exception] = []
        self.batch = Batch(size * len(FRAME), self._send, self.bugs.append)

    def _send(self, sound: bytes) -> None:
        if sound.endswith(BUG):
            raise ZeroDivisionError
        self.messages.append(len(sound) // len(FRAME))

    async def come(self, *bunches: int) -> None:
        """Frames come so many at once."""
        for bunch in bunches:
            for _ in range(bunch):
                self.batch.add(FRAME)
            await asyncio.sleep(0)


async def test_frames_that_come_one_by_one_make_messages_of_one_length() -> None:
    sent = Sent(5)
    await sent.come(*[1] * 12)
    assert sent.messages == [5, 5]


async def test_what_comes_with_the_frame_that_fills_a_message_goes_with_it_and_the_next_one_ends_with_its_bunch() -> (
    None
):
    sent = Sent(5)
    await sent.come(1, 1, 1, 5, 5, 5)
    assert sent.messages == [8, 5, 5]
    sent = Sent(10)
    await sent.come(3, 5, 5, 5, 5)
    assert sent.messages == [13, 10]


async def test_a_flood_is_sent_in_messages_of_twice_the_length_at_most() -> None:
    sent = Sent(5)
    await sent.come(23)
    assert sent.messages == [10, 10]
    sent.batch.flush()
    assert sent.messages == [10, 10, 3]


async def test_a_full_message_is_sent_before_the_event_loop_does_anything_else() -> None:
    sent = Sent(5)
    for _ in range(5):
        sent.batch.add(FRAME)
    assert sent.messages == []
    await asyncio.sleep(0)
    assert sent.messages == [5]


async def test_what_is_sent_at_once_is_not_sent_again_and_nothing_is_no_message() -> None:
    sent = Sent(5)
    for _ in range(6):
        sent.batch.add(FRAME)
    sent.batch.flush()
    sent.batch.flush()
    await asyncio.sleep(0)
    assert sent.messages == [6]


async def test_what_goes_wrong_when_nobody_waits_for_it_is_told_all_the_same() -> None:
    sent = Sent(2)
    for frame in (FRAME, BUG):
        sent.batch.add(frame)
    await asyncio.sleep(0)
    assert [type(bug) for bug in sent.bugs] == [ZeroDivisionError]
    await sent.come(2)
    assert sent.messages == [2]
