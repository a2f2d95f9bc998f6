"""The steps of a plan: what each changes, from what to what. Made before anything is changed, and by no request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from bmv.telephony.account import Flow, Kind, Resource


class Action(Enum):
    """What is done to a resource at Twilio."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True)
class Made:
    """A value that is known only when a step before has made the resource: its sid, or a flow's webhook address."""

    kind: Kind
    webhook: bool = False

    def of(self, made: Mapping[Kind, Resource]) -> str:
        """The value; `KeyError` when the step was not done."""
        resource = made[self.kind]
        return resource.webhook_url if self.webhook and isinstance(resource, Flow) else resource.sid


Value = str | Made


@dataclass(frozen=True)
class Change:
    """One value: its name at Twilio (or in .env), what it is called to people, and both states of it.

    `told` are the two states in words, where the values themselves would say nothing, or must not be shown.
    """

    attribute: str
    label: str
    before: str
    after: Value
    told: tuple[str, str] | None = None


@dataclass(frozen=True)
class ResourceStep:
    """One request. `sid` is "" for what is to be created; `title` tells people which one it is, `name` Twilio."""

    action: Action
    kind: Kind
    sid: str
    name: str
    title: str
    changes: tuple[Change, ...] = ()

    def values(self, made: Mapping[Kind, Resource]) -> dict[str, str]:
        """What is sent. `KeyError` when a step was not done that makes one of the values."""
        return {each.attribute: resolved(each.after, made) for each in self.changes}


@dataclass(frozen=True)
class EnvStep:
    """Lines of the .env file; `creates` where there is none yet, `removes` where it goes as a whole."""

    changes: tuple[Change, ...]
    creates: bool = False
    removes: bool = False
    title: str = ".env"


Step = ResourceStep | EnvStep


@dataclass(frozen=True)
class Plan:
    """What shall be done, in this order, and what there is to know before agreeing to it."""

    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()


def resolved(value: Value, made: Mapping[Kind, Resource]) -> str:
    """The text of a value. `KeyError` when the step was not done that makes it."""
    return value.of(made) if isinstance(value, Made) else value
