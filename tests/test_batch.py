"""Sound is sent in messages that end with what came last."""

from __future__ import annotations

import pytest

from bmv.translators.batch import Batch


class Sent:
    """What a batch sent of sound whose every byte is another, in messages of `size` bytes."""

    def __init__(self, size: int) -> None:
        self.messages: list[bytes] = []
        self.batch = Batch(size, self.messages.append)
        self._said = 0

    def come(self, *bunches: int) -> list[int]:
        """Sound comes so many bytes at a time. Gives the sizes of all messages so far."""
        for bunch in bunches:
            sent = len(self.messages)
            complete = self.batch.add(bytes(range(self._said, self._said + bunch)))
            self._said += bunch
            assert complete is (len(self.messages) > sent)
            assert not complete or sum(map(len, self.messages)) == self._said, "what is sent is all there is"
        assert bytes(range(self._said)).startswith(b"".join(self.messages)), "in order, and none left out"
        return [len(message) for message in self.messages]


def test_what_comes_piece_by_piece_makes_messages_of_one_length() -> None:
    assert Sent(5).come(*[1] * 12) == [5, 5]


@pytest.mark.parametrize(
    ("size", "bunches", "messages"), [(5, (1, 1, 1, 5, 5, 5), [8, 5, 5]), (10, (3, 5, 5, 5, 5), [13, 10])]
)
def test_what_comes_with_the_piece_that_fills_a_message_goes_with_it_and_the_next_one_ends_with_its_bunch(
    size: int, bunches: tuple[int, ...], messages: list[int]
) -> None:
    assert Sent(size).come(*bunches) == messages


def test_a_flood_is_sent_in_messages_shorter_than_twice_the_length() -> None:
    assert Sent(5).come(3, 21) == [5, 5, 5, 9]


def test_what_is_sent_at_once_is_not_sent_again_and_nothing_is_no_message() -> None:
    sent = Sent(5)
    sent.come(7, 4)
    for _ in range(2):
        sent.batch.flush()
    assert sent.come(1) == [7, 4]
