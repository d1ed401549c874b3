"""An organization: it owns projects, and has a Kubernetes namespace in a cluster."""

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field

from jobs_api.model import periods
from jobs_api.model.document import COMPILED_LATE, Absent, Document, Record, Timestamp
from jobs_api.model.periods import Outage
from jobs_api.model.pulse import Pulse

# Longer than a function of an earlier release may run after an upgrade, and than an ingest takes to label every Job.
UNLABELLED_FOR = timedelta(hours=1)
# Each check reads a run for each ended Job in the cluster, which a pass does not.
CHECKED_EVERY = timedelta(days=1)


class UsageKey(Record):
    """The API key by which API Gateway counts an organization's requests, and from when all of the gateway knows it."""

    value: str
    known_from: Timestamp


class HeldRemovals(Record):
    """CronJobs that no job wants and that a sync does not remove: the tables do not know why, and there are many.

    `count` of the `there` CronJobs of the organization in its cluster, since `since`; some of them by name.
    """

    count: int
    there: int
    projects: list[str]
    cronjobs: list[str]
    since: Timestamp

    def is_like(self, other: "HeldRemovals | None") -> bool:
        """Return whether another one says the same, whenever it began."""
        return other is not None and self.model_copy(update={"since": other.since}) == other


class RemovalConfirmation(Document):
    """An operator's permission to remove them: at most `at_most`, of one project where it is named, until `until`."""

    model_config = COMPILED_LATE

    at_most: int
    project_id: Absent[str] = None
    confirmed_at: Timestamp
    until: Timestamp
    used_at: Absent[Timestamp] = None

    def covers(self, project_id: str, now: datetime) -> bool:
        """Return whether it permits the removal of a project's CronJob."""
        return self.used_at is None and now < self.until and self.project_id in {None, project_id}


class Organization(Record):
    """An organization; its id is also its Kubernetes namespace.

    `cluster` is the EKS cluster's name, absent for the deployment's default; `cluster_since` is since when it is that.
    `outages` are the recent periods in which the cluster could not be reached.

    `leaving_at`: when an operator began to move or delete the organization. `cleared_at`: when nothing that could start
    was left in its cluster. `closed`: it is to be deleted. `retired_at`: when passes over it ended.

    `usage_key` is absent where its requests are counted together with those of others. `marked_at`: since when all its
    objects in the cluster have the deployment label; absent while some may be from an earlier release.

    `settled_jobs_checked_at`: when an ingest last compared all Jobs with the label `settled` with their runs; absent
    where the next one is to do that.

    `held_removals` are the CronJobs that a sync does not remove, `removal_confirmation` is what an operator last
    permitted.

    `pulse` says when the next pass over it is due.
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
        """Return whether it is time to compare all Jobs with the label `settled` with their runs."""
        last = self.settled_jobs_checked_at
        return last is None or not timedelta() <= now - last < CHECKED_EVERY

    def may_have_unlabelled(self, now: datetime) -> bool:
        """Return whether its cluster may have Jobs without the label: until a while after all its CronJobs have it."""
        if self.marked_at is None:
            return True
        return self.created_at < self.marked_at <= now < self.marked_at + UNLABELLED_FOR

    @property
    def is_cut_off(self) -> bool:
        """Whether its cluster could not be reached when that was last tried."""
        return bool(self.outages) and self.outages[-1].until is None

    def outages_if(self, *, reached: bool, now: datetime) -> list[Outage]:
        """Return its outages, given whether the cluster was reached now; unchanged where that has not changed."""
        if reached is not self.is_cut_off:
            return self.outages
        if reached:
            last = self.outages[-1].model_copy(update={"until": now})
            return [*self.outages[:-1], last]
        return [*periods.remembered(self.outages, now), Outage(since=now)]

    def outages_after_stop(self, since: datetime, until: datetime) -> list[Outage]:
        """Return its outages, after the service and its cluster were stopped between these times.

        Where a start died and is repeated, the same stop comes again with a later end: it stays one outage.
        """
        if since >= until:
            return self.outages
        before = [one for one in self.outages if not (one.stopped and one.since >= since.replace(microsecond=0))]
        ended = [one if one.until else one.model_copy(update={"until": since}) for one in before]
        return [*periods.remembered(ended, until), Outage(since=since, until=until, stopped=True)]

    @property
    def namespace(self) -> str:
        """The Kubernetes namespace that holds everything of this organization."""
        return self.id


class Role(StrEnum):
    """The rights of a token: `reader` only reads, `admin` may also use the calls for admins."""

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
