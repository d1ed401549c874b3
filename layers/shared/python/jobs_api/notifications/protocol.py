"""What the service asks of every channel; notifications/channels.py lists those that there are."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from jobs_api.model.alert_targets import Target
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.model.run import Run

if TYPE_CHECKING:
    from jobs_api.model.delivery import Delivery
    from jobs_api.notifications.attempt import Sent, TestResult

type Clock = Callable[[], datetime]


class Sender(Protocol):
    """How a channel's deliveries are taken, anew and again, sent, given up and tested; a module can be one."""

    def begin(self, delivery: "Delivery", run: Run, now: datetime, lease: timedelta, /) -> "Delivery | None":
        """Write a new delivery: claimed, waiting or folded. None where it is there already."""

    def resume(self, delivery: "Delivery", now: datetime, lease: timedelta, /) -> "Delivery | None":
        """Take a delivery that is due again, as `begin`. None where somebody else has it."""

    def send(self, delivery: "Delivery", run: Run, clock: Clock, /) -> "Sent":
        """Send a claimed delivery; say how that went."""

    def gave_up(self, delivery: "Delivery", now: datetime, /) -> None:
        """Note that a delivery has failed for good."""

    def test(self, project: Project, job: Job, now: datetime, /) -> "TestResult":
        """Send a test to a job's address; say what the receiver said."""

    def forget(self, organization_id: str, /) -> None:
        """Remove what is kept for an organization beside its jobs, runs and deliveries, whether or not that is there.

        An operator's command does, for an organization that is deleted.
        """


class Channel(Protocol):
    """A way in which somebody is told. What it takes to send is imported when something is sent, and not before."""

    @property
    def name(self) -> str:
        """Its word in the API, in the tables and on the queue; the folder of a channel has it, too."""

    @property
    def sends(self) -> str:
        """What arrives through it, in the singular, such as `Slack message`."""

    @property
    def address_field(self) -> str:
        """The field of a job that says where it leads."""

    def target(self, job: Job, /) -> Target | None:
        """Return where it leads and what it hears of as a job's owner wants it now; None where nobody wants to hear."""

    def sender(self) -> Sender:
        """Import what sends, and return it."""
