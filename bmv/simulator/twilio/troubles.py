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
        self._coming: list[tuple[str, str, Trouble]] = []

    def order(self, method: str, path_part: str, trouble: Trouble, times: int = 1) -> None:
        """Let the next `times` requests of this method, and with this in their path, meet the trouble."""
        self._coming += [(method, path_part, trouble)] * times

    def meet(self, method: str, path: str) -> Trouble | None:
        """What this request meets, which is over with that."""
        for coming in self._coming:
            if coming[0] == method and coming[1] in path:
                self._coming.remove(coming)
                return coming[2]
        return None
