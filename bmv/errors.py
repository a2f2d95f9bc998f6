"""What can go wrong, sorted by who is at fault.

Each class names a culprit, because that decides what happens next: a peer that breaks the protocol has its connection
closed, a provider that fails may be retried or replaced, a wrong setting is explained to the operator. Anything that is
not a `BmvError` is a bug of ours and is never handled as if it were somebody else's fault.
"""

from collections.abc import Sequence


class BmvError(Exception):
    """Base of everything that goes wrong without being a bug of ours."""


class ProtocolError(BmvError):
    """The peer broke the protocol: it sent what its own documents forbid, or sent it at the wrong time."""


class ProviderError(BmvError):
    """A provider (the telephone company, the translation service) refused a request or failed to serve it."""


class SettingsError(BmvError):
    """The operator's settings cannot be used.

    `problems` holds every problem found, one plain line each, never a secret's value; `str()` is all of them.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems: list[str] = list(problems)
