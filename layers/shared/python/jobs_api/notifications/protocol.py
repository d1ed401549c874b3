"""The interface of a channel; notifications/channels.py lists the channels."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from jobs_api.clock import Clock
from jobs_api.model.alert_targets import Target
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.model.run import Run

if TYPE_CHECKING:
    from jobs_api.model.delivery import Delivery
    from jobs_api.notifications.attempt import Sent, TestResult


class Sender(Protocol):
    """How a channel claims, sends, gives up and tests deliveries; a module can be one."""

    def begin(self, delivery: "Delivery", run: Run, now: datetime, lease: timedelta, /) -> "Delivery | None":
        """Write a new delivery: claimed, waiting or folded. None where it exists already."""

    def resume(self, delivery: "Delivery", now: datetime, lease: timedelta, /) -> "Delivery | None":
        """Claim a delivery that is due again, as `begin`. None where another sender has claimed it."""

    def send(self, delivery: "Delivery", run: Run, clock: Clock, /) -> "Sent":
        """Send a claimed delivery; return the result."""

    def gave_up(self, delivery: "Delivery", now: datetime, /) -> None:
        """Record that a delivery has failed finally."""

    def test(self, project: Project, job: Job, now: datetime, /) -> "TestResult":
        """Send a test to a job's address; return what the receiver said."""

    def forget(self, organization_id: str, /) -> None:
        """Remove what is stored for an organization beside its jobs, runs and deliveries, whether or not it exists.

        An operator's command calls this for an organization that is deleted.
        """


class Channel(Protocol):
    """A way to notify somebody. What it needs for sending is imported only when something is sent."""

    @property
    def name(self) -> str:
        """The channel's name in the API, in the tables and on the queue, and the name of its folder."""

    @property
    def sends(self) -> str:
        """The message that a receiver gets, in the singular, such as `Slack message`."""

    @property
    def address_field(self) -> str:
        """The field of a job that has the address."""

    def target(self, job: Job, /) -> Target | None:
        """Return the target of a job and its events, as the owner wants them now; None where no event is requested."""

    def sender(self) -> Sender:
        """Import the module that sends, and return it."""
