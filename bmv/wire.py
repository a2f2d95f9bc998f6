"""Reading JSON messages that say what they are: told apart are the unknown, the broken and the known."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

from bmv.errors import ProtocolError

Message = TypeVar("Message")

UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""What msgspec raises for bytes that are not what is expected: not UTF-8 and nested too deep have their own classes."""


class MessageDecoder(Generic[Message]):
    """Decodes the messages of one wire: a union of `msgspec.Struct`s with a tag.

    A wire grows: a message with a tag that did not exist when its structs were written is no error.
    """

    def __init__(self, peer: str, union: Any) -> None:
        """`peer` is who sends, for the words of an error; `union` the type made of all known messages."""
        self._peer = peer
        kinds = [kind.__struct_config__ for kind in union.__args__]
        self._known = frozenset(kind.tag for kind in kinds)
        self._tag_field = kinds[0].tag_field
        self._decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(union)
        self._fields: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])

    def decode(self, message: bytes) -> Message | None:
        """One message, or None if it is of a kind that is not known here.

        Raises `ProtocolError` for what is no JSON object or lacks what its kind must have.
        """
        try:
            return self._decoder.decode(message)
        except UNREADABLE as error:
            if self._is_of_unknown_kind(message):
                return None
            raise ProtocolError(f"{self._peer} sent a message that cannot be read: {error}") from error

    def _is_of_unknown_kind(self, message: bytes) -> bool:
        try:
            kind = msgspec.json.decode(self._fields.decode(message)[self._tag_field], type=str)
        except (*UNREADABLE, KeyError):
            return False
        return kind not in self._known
