"""What the account has besides numbers, apps and its workspace, and what the REST API tells of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bmv.simulator.twilio.courier import Alert
from bmv.simulator.twilio.exchange import new_sid
from bmv.simulator.twilio.taskrouter import TaskRouter


@dataclass(frozen=True, slots=True)
class Revision:
    """A flow's definition at one time; `status` is draft or published."""

    definition: dict[str, Any]
    status: str = "published"
    message: str = ""


@dataclass(eq=False)
class StudioFlow:
    """A Studio flow, the latest revision last: `StudioFlow("IVR", [Revision({…})])`."""

    name: str
    revisions: list[Revision]
    sid: str = field(default_factory=lambda: new_sid("FW"))

    @property
    def latest(self) -> Revision:
        """What the REST API gives when it is not asked for another revision."""
        return self.revisions[-1]

    @property
    def published(self) -> Revision | None:
        """What calls get: the latest of the published revisions."""
        return next((each for each in reversed(self.revisions) if each.status == "published"), None)


@dataclass(eq=False)
class Flex:
    """Flex, as its configuration tells of it: `status` is ok, inprogress or notstarted.

    `workspace_sid` None = `FakeTwilio.task_router`; `workflow_sid` None = the first workflow there.
    """

    workspace_sid: str | None = None
    workflow_sid: str | None = None
    status: str = "ok"


@dataclass(eq=False)
class Profile:
    """A compliance profile; by default one of a business."""

    name: str = "Our business"
    policy_sid: str = "RN6433641899984f951173ef1738c3bdd0"
    status: str = "twilio-approved"
    sid: str = field(default_factory=lambda: new_sid("BU"))


@dataclass(eq=False)
class Holdings:
    """Set whatever is needed, at any time; what REST requests change or add is to be seen here."""

    name: str = "An account"
    kind: str = "Full"
    """Full or Trial."""
    status: str = "active"
    """active, suspended or closed."""
    flex: Flex | None = None
    """None: the account has no Flex."""
    flows: list[StudioFlow] = field(default_factory=list)
    profiles: list[Profile] = field(default_factory=list)
    past_alerts: list[Alert] = field(default_factory=list)
    """What Twilio's debugger holds besides `FakeTwilio.alerts`."""
    more_workspaces: list[TaskRouter] = field(default_factory=list)
    """Workspaces besides `FakeTwilio.task_router`; no call ever gets there."""
    page_size: int = 50
    """How many records a page of a list has where the request does not say."""
    studio: Callable[[dict[str, Any]], str] | None = None
    """Runs a flow's definition: gives the address of the redirect that the call gets to. Studio is not simulated."""
