"""Reading messages: what is known, what is new, and what is broken are three different things."""

from __future__ import annotations

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmv.errors import ProtocolError
from bmv.wire import MessageDecoder


class Rang(msgspec.Struct, tag_field="kind", tag="rang"):
    times: int


class Stopped(msgspec.Struct, tag_field="kind", tag="stopped"):
    pass


DECODER: MessageDecoder[Rang | Stopped] = MessageDecoder("the bell", Rang | Stopped)


def test_a_known_message_is_decoded_and_further_fields_do_not_matter() -> None:
    assert DECODER.decode(b'{"kind":"rang","times":3,"loudness":11}') == Rang(3)


def test_a_kind_that_did_not_exist_yet_is_none() -> None:
    assert DECODER.decode(b'{"kind":"tuned","pitch":440}') is None


@pytest.mark.parametrize(
    "message",
    [b"", b"{", b"[]", b"3", b"{}", b'{"kind":3}', b'{"kind":"rang"}', b'{"kind":"rang","times":"often"}', b"\xff"],
)
def test_what_cannot_be_read_names_the_peer(message: bytes) -> None:
    with pytest.raises(ProtocolError, match="the bell sent a message that cannot be read"):
        DECODER.decode(message)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_message_does_anything_worse_than_a_protocol_error(message: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        DECODER.decode(message)
