"""Failures of the REST API that a test has asked for: which request they hit, and what becomes of it."""

from dataclasses import dataclass

from bmv.simulator.twilio.refusals import RefusalError


@dataclass(frozen=True, slots=True)
class Hang:
    """Do what is asked at once, but answer so many seconds later."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Drop:
    """Do what is asked, and break the connection instead of an answer."""


Trouble = RefusalError | Hang | Drop


class Troubles:
    """What goes wrong next, in the order ordered."""

    def __init__(self) -> None:
        self._coming: list[tuple[str, str, str, Trouble]] = []

    def order(self, method: str, path_part: str, trouble: Trouble, times: int = 1, *, containing: str = "") -> None:
        """Let the next `times` requests meet the trouble that have this method, and this in their path and body."""
        self._coming += [(method, path_part, containing, trouble)] * times

    def meet(self, method: str, path: str, body: str) -> Trouble | None:
        """What this request meets, which is over with that."""
        for coming in self._coming:
            if coming[0] == method and coming[1] in path and coming[2] in body:
                self._coming.remove(coming)
                return coming[3]
        return None

    def forget(self, containing: str) -> None:
        """Let nothing happen any more that waits for this in a path or in a body."""
        self._coming = [coming for coming in self._coming if containing not in coming[1:3]]
