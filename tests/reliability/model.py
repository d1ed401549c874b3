"""What the service should be, in plain Python: names, jobs, their CronJobs, who was triggered, which slots were due.

It knows nothing of tables, events or passes: whatever happens in between, this is what has to come of it.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

# What a job's names are in the model, by what its owner calls it: some are the same in lower case and without accents.
NAMES = {"Nightly": "nightly", "nightly": "nightly", "Été": "ete", "ete": "ete", "b": "b", "A b": "a-b"}
# The second begins as the first goes on: `jaffle-a` with the job `b` wants the CronJob of `jaffle` with `a-b`.
PROJECTS = ("jaffle", "jaffle-a")
EVERY = {"* * * * *": 1, "*/2 * * * *": 2, "*/5 * * * *": 5}
ENDS = {
    "dbt build": "success",
    "dbt run --select fail": "failed",
    "dbt run --select slow": "success",
    "dbt run --select noimage": "error",
}
MINUTE = timedelta(minutes=1)
# How long a change may take to reach the cluster; a slot until then may be missed, or not.
ARRIVES_WITHIN = 2 * MINUTE
# Moments of one second apart are the same to a CronJob.
ABOUT = timedelta(seconds=5)


@dataclass
class Period:
    """A time in which a job was to fire every so many minutes."""

    since: datetime
    every: int
    until: datetime | None = None

    def may_miss(self, slot: datetime) -> bool:
        """Tell whether a slot can have been missed in it: it was due in it, or about then."""
        within = self.since - ABOUT <= slot and (self.until is None or slot <= self.until + ABOUT)
        return within and slot.minute % self.every == 0

    def may_start(self, slot: datetime) -> bool:
        """Tell whether a Job for a slot can have been started by it, however late its end reached the cluster."""
        return self.since.replace(microsecond=0) < slot and slot.minute % self.every == 0

    def must_account(self, until: datetime) -> set[datetime]:
        """Return the slots up to a time that were due in it for certain."""
        first = (self.since + ARRIVES_WITHIN).replace(second=0, microsecond=0) + MINUTE
        last = min(until, self.until - ABOUT) if self.until else until
        count = max(0, int((last - first) / MINUTE) + 1)
        slots = (first + at * MINUTE for at in range(count))
        return {slot for slot in slots if slot.minute % self.every == 0 and slot <= last}


@dataclass
class Job:
    """A job as its owner wants it, and when it was to fire."""

    project: str
    name: str
    command: str
    schedule: str
    enabled: bool
    periods: list[Period] = field(default_factory=list)

    @property
    def slug(self) -> str:
        """What no other job of the project may have."""
        return NAMES[self.name]

    @property
    def cronjob(self) -> str:
        """What no other CronJob of the namespace may be called."""
        return f"{self.project}-{self.slug}"


@dataclass
class Project:
    """Whether a project's jobs are in the cluster, and whether they rest."""

    deployed: bool = True
    suspended: bool = False

    @property
    def fires(self) -> bool:
        """Whether its schedules count."""
        return self.deployed and not self.suspended


@dataclass
class Model:
    """Everything that should be; `ended` are jobs that were deleted, `manual` each accepted run's command by its id.

    `cancelled` has the ids of runs of which a cancel was accepted.
    """

    projects: dict[str, Project] = field(default_factory=lambda: {name: Project() for name in PROJECTS})
    jobs: dict[str, Job] = field(default_factory=dict)
    ended: dict[str, Job] = field(default_factory=dict)
    manual: dict[str, str] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)

    def is_taken(self, project: str, name: str, but_by: str | None = None) -> bool:
        """Tell whether a job may not have a name, since another has it or its CronJob would be another's."""
        wanted = Job(project, name, "", "", enabled=True)
        others = [job for job_id, job in self.jobs.items() if job_id != but_by]
        return any(
            job.cronjob == wanted.cronjob or (job.project, job.slug) == (wanted.project, wanted.slug) for job in others
        )

    def refresh(self, now: datetime) -> None:
        """Note from when on each job fires, or fires otherwise, or no more."""
        for job in self.jobs.values():
            every = EVERY[job.schedule] if job.enabled and self.projects[job.project].fires else None
            self._turn(job, every, now)

    def remove(self, job_id: str, now: datetime) -> None:
        """Take a job away; what was due before stays due."""
        job = self.ended[job_id] = self.jobs.pop(job_id)
        self._turn(job, None, now)

    def rename(self, job_id: str, name: str, now: datetime) -> None:
        """Give a job another name; under another CronJob it begins anew."""
        job = self.jobs[job_id]
        before, job.name = job.cronjob, name
        if job.cronjob != before:
            self._turn(job, None, now)
            self.refresh(now)

    def _turn(self, job: Job, every: int | None, now: datetime) -> None:
        going = job.periods[-1] if job.periods and job.periods[-1].until is None else None
        if going and going.every == every:
            return
        if going:
            going.until = now
        if every:
            job.periods.append(Period(now.astimezone(UTC), every))
