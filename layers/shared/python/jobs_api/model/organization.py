"""An organization: who owns projects, in which Kubernetes namespace, on which cluster."""

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field

from jobs_api.model import slots
from jobs_api.model.document import Absent, Document, Record, Timestamp
from jobs_api.model.pulse import Pulse
from jobs_api.model.slots import Outage

# Longer than functions of a version before marks may still be at work, and than an ingest takes to mark what it finds.
UNMARKED_FOR = timedelta(hours=1)
# Each time costs a read for each ended Job that the cluster keeps, which a pass does not pay.
CHECKED_EVERY = timedelta(days=1)


class UsageKey(Document):
    """The API key by which API Gateway counts an organization's requests, and from when all of the gateway knows it."""

    value: str
    known_from: Timestamp


class HeldRemovals(Document):
    """CronJobs that a sync does not remove, though no job wants them: the tables do not know why, and they are many.

    `count` of the `there` CronJobs that the organization has in its cluster, since `since`; some of them by name.
    """

    count: int
    there: int
    projects: list[str]
    cronjobs: list[str]
    since: Timestamp

    def is_like(self, other: "HeldRemovals | None") -> bool:
        """Tell whether another says the same, whenever it began."""
        return other is not None and self.model_copy(update={"since": other.since}) == other


class RemovalConfirmation(Document):
    """That an operator wants them removed: `at_most` so many, of one project where it is named, until `until`."""

    at_most: int
    project_id: Absent[str] = None
    confirmed_at: Timestamp
    until: Timestamp
    used_at: Absent[Timestamp] = None

    def covers(self, project_id: str, now: datetime) -> bool:
        """Tell whether a CronJob of a project may be removed by it."""
        return self.used_at is None and now < self.until and self.project_id in {None, project_id}


class Organization(Record):
    """An organization; its id is also its Kubernetes namespace.

    `cluster` is the EKS cluster's name, absent where the deployment's default serves; it is that since `cluster_since`.
    `outages` is when it could not be reached lately.

    Where an operator wants it out of its cluster, to move or to delete it, that is so since `leaving_at`, and at
    `cleared_at` nothing of it was left there that could start. With `closed` it is to be deleted; since `retired_at`
    nobody looks at it.

    `usage_key` is absent where its requests count together with those of others. Since `marked_at` everything of it in
    its cluster carries the mark of this deployment; absent while there may be objects of a version before marks.

    At `settled_jobs_checked_at` an ingest last compared all Jobs that are labelled as settled with their runs; absent
    where the next one is to.

    `held_removals` is what a sync does not dare to remove, `removal_confirmation` what an operator last said to that.

    `pulse` says when it is looked at next.
    """

    id: str
    name: str
    cluster: Absent[str] = None
    created_at: Timestamp
    usage_key: Absent[UsageKey] = None
    outages: list[Outage] = Field(default_factory=list)
    cluster_since: Absent[Timestamp] = None
    leaving_at: Absent[Timestamp] = None
    cleared_at: Absent[Timestamp] = None
    closed: bool = False
    retired_at: Absent[Timestamp] = None
    marked_at: Absent[Timestamp] = None
    settled_jobs_checked_at: Absent[Timestamp] = None
    held_removals: Absent[HeldRemovals] = None
    removal_confirmation: Absent[RemovalConfirmation] = None
    pulse: Pulse = Field(default_factory=Pulse)

    def wants_settled_jobs_checked(self, now: datetime) -> bool:
        """Tell whether it is time to compare all Jobs that are labelled as settled with their runs."""
        last = self.settled_jobs_checked_at
        return last is None or not timedelta() <= now - last < CHECKED_EVERY

    def may_have_unlabelled(self, now: datetime) -> bool:
        """Tell whether Jobs without a mark may be in its cluster: until a while after its CronJobs all have theirs."""
        if self.marked_at is None:
            return True
        return self.created_at < self.marked_at <= now < self.marked_at + UNMARKED_FOR

    @property
    def is_cut_off(self) -> bool:
        """Whether its cluster could not be reached when that was last tried."""
        return bool(self.outages) and self.outages[-1].until is None

    def outages_if(self, *, reached: bool, now: datetime) -> list[Outage]:
        """Return its outages, given whether the cluster was reached now; the same ones where that is no news."""
        if reached is not self.is_cut_off:
            return self.outages
        if reached:
            last = self.outages[-1].model_copy(update={"until": now})
            return [*self.outages[:-1], last]
        return [*slots.remembered(self.outages, now), Outage(since=now)]

    def outages_after_stop(self, since: datetime, until: datetime) -> list[Outage]:
        """Return its outages, where the service was stopped between these times, and its cluster with it.

        Told again of the same stop, with a later end, as after a start that was cut short, it is still one.
        """
        if since >= until:
            return self.outages
        before = [one for one in self.outages if not (one.stopped and one.since >= since.replace(microsecond=0))]
        ended = [one if one.until else one.model_copy(update={"until": since}) for one in before]
        return [*slots.remembered(ended, until), Outage(since=since, until=until, stopped=True)]

    @property
    def namespace(self) -> str:
        """The Kubernetes namespace that holds everything of this organization."""
        return self.id


class Role(StrEnum):
    """What a token may do: `reader` only reads; `admin` is reserved and equals `developer`."""

    READER = "reader"
    DEVELOPER = "developer"
    ADMIN = "admin"


class Token(Record):
    """A bearer token as it is stored: never the secret, only its SHA-256 in hex."""

    id: str
    organization_id: str
    role: Role
    secret_sha256: str
    description: str = ""
    created_at: Timestamp
    expires_at: Absent[Timestamp] = None
    revoked_at: Absent[Timestamp] = None
