"""Who is at the agent's side of a call, and which language is spoken there."""

from __future__ import annotations

from collections.abc import Sequence

from bmv.languages import Language

MOST = 100  # agents who are there, and who are known to have gone: a transfer takes seconds, and a call ends some time


class Agents:
    """The agents who have accepted a call and not left it, in the order in which they came.

    Whoever came last is the one who is talked to: in a warm transfer the second agent, and the first again if the
    second goes. Agents are known by the carrier's names of their reservations.
    """

    def __init__(self, *, caller: Language | None, otherwise: Language) -> None:
        """`caller` is what the caller speaks, if it is known; `otherwise` what an agent speaks who does not say."""
        self._caller = caller
        self._otherwise = otherwise
        self._here: dict[str, tuple[Sequence[Language], str]] = {}
        self._gone: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._here)

    @property
    def language(self) -> Language:
        """What is spoken at the agent's side now."""
        speaks, _worker = next(reversed(self._here.values()), ((), ""))
        return self.choose(speaks)

    @property
    def workers(self) -> list[str]:
        """The carrier's names of the people who are here, as far as they are known; who is talked to is the last."""
        return [worker for _speaks, worker in self._here.values() if worker]

    def accepted(self, agent: str, speaks: Sequence[Language], *, worker: str = "") -> bool:
        """An agent has taken the call. Returns whether that is news: it may be told twice, even when he has left.

        `worker` is the carrier's name of the person.
        """
        if agent in self._gone:
            return False
        news = agent not in self._here
        self._here[agent] = speaks, worker
        if len(self._here) > MOST:
            del self._here[next(iter(self._here))]
        return news

    def left(self, agent: str) -> bool:
        """An agent has gone; one who never was here does not matter.

        Returns whether the one before is talked to again.
        """
        last = next(reversed(self._here), None)
        self._here.pop(agent, None)
        if agent:  # who has no name may come again
            self._gone[agent] = None
        if len(self._gone) > MOST:
            del self._gone[next(iter(self._gone))]
        return agent == last and bool(self._here)

    def choose(self, speaks: Sequence[Language]) -> Language:
        """The language in which an agent who speaks these, the best one first, talks to our caller.

        The caller's own if the agent speaks it: that needs no interpreter.
        """
        if self._caller is not None and self._caller in speaks:
            return self._caller
        return speaks[0] if speaks else self._otherwise
