"""A telephone in somebody's hand: its voice comes over a network, as it comes, and what it hears goes out there."""

from collections.abc import Callable
from typing import Final

from bmv.simulator.phone.jitter import JitterBuffer
from bmv.simulator.twilio import Party

QUIET_BELOW: Final = 1000
"""The peak, of 32767, below which it is silent for a script that waits for its turn; no room is altogether silent."""


class Handset(Party):
    """A party whose mouth and ear are elsewhere: `receive` what was said there; `on_hear` gets what is heard.

    What a script puts into its mouth (`say`) goes before the live voice. `on_overhear` gets the words of every sentence
    that the telephone company speaks, and their language.
    """

    def __init__(
        self,
        name: str,
        *,
        on_hear: Callable[[bytes], None],
        on_overhear: Callable[[str, str], None] | None = None,
        record: bool = False,
    ) -> None:
        super().__init__(name, on_hear=on_hear, record=record, quiet_below=QUIET_BELOW)
        self._on_overhear = on_overhear
        self._buffer = JitterBuffer()
        self._live = b""

    def receive(self, ulaw: bytes) -> None:
        """Take a piece of the live voice, of any length."""
        self._buffer.put(ulaw)

    def speak(self) -> bytes:
        """The next frame out of the mouth."""
        self._live = self._buffer.take()  # always: or the live voice would come later by what the script said
        return super().speak()

    def _unspoken(self, number: int) -> bytes:  # noqa: ARG002 - the live voice knows no numbers
        return self._live

    def overhear(self, text: str, language: str) -> None:
        """The words of a sentence that is spoken to this person."""
        super().overhear(text, language)
        if self._on_overhear is not None:
            self._on_overhear(text, language)
