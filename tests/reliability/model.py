"""A model of the service in plain Python: names, jobs, their CronJobs, triggers, retries, pauses, and due slots.

It has no tables, events or passes: it only says which result must follow.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from graphlib import CycleError, TopologicalSorter

# A job's names in the model, by the owner's name: some are equal in lower case and without accents.
NAMES = {"Nightly": "nightly", "nightly": "nightly", "Été": "ete", "ete": "ete", "b": "b", "A b": "a-b"}
# The job `b` of `jaffle-a` and the job `a-b` of `jaffle` have the same CronJob name.
PROJECTS = ("jaffle", "jaffle-a")
EVERY = {"* * * * *": 1, "*/2 * * * *": 2, "*/5 * * * *": 5}
ENDS = {
    "dbt build": "success",
    "dbt run --select fail": "failed",
    "dbt run --select slow": "success",
    "dbt run --select noimage": "error",
}
MINUTE = timedelta(minutes=1)
A_SECOND = timedelta(seconds=1)
# How long a change may take to reach the cluster; slots before that may or may not run.
ARRIVES_WITHIN = 2 * MINUTE
# A CronJob does not distinguish times within a second.
ABOUT = timedelta(seconds=5)


@dataclass
class Period:
    """A time during which a job should fire every so many minutes."""

    since: datetime
    every: int
    until: datetime | None = None

    def may_miss(self, slot: datetime) -> bool:
        """Return whether a slot may have been missed: it was due during this period or close to it."""
        within = self.since - ABOUT <= slot and (self.until is None or slot <= self.until + ABOUT)
        return within and slot.minute % self.every == 0

    def may_start(self, slot: datetime) -> bool:
        """Return whether this period may have started a Job for a slot, since its end may reach the cluster late."""
        return self.since.replace(microsecond=0) < slot and slot.minute % self.every == 0

    def must_account(self, until: datetime) -> set[datetime]:
        """Return the slots up to a time that were certainly due."""
        first = (self.since + ARRIVES_WITHIN).replace(second=0, microsecond=0) + MINUTE
        last = min(until, self.until - ABOUT) if self.until else until
        count = max(0, int((last - first) / MINUTE) + 1)
        slots = (first + at * MINUTE for at in range(count))
        return {slot for slot in slots if slot.minute % self.every == 0 and slot <= last}


@dataclass
class Job:
    """A job as its owner wants it, and the periods in which it should fire."""

    project: str
    name: str
    command: str
    schedule: str
    enabled: bool
    periods: list[Period] = field(default_factory=list)
    # The ids of the jobs that it runs after.
    after: list[str] = field(default_factory=list)
    retries: int = 0
    paused_until: datetime | None = None
    # When its pauses were certainly in force, until the first second after each pause.
    pauses: list[tuple[datetime, datetime]] = field(default_factory=list)

    @property
    def slug(self) -> str:
        """The slug, which is unique in the project."""
        return NAMES[self.name]

    @property
    def cronjob(self) -> str:
        """The CronJob's name, which is unique in the namespace."""
        return f"{self.project}-{self.slug}"


@dataclass
class Project:
    """A project: whether it is deployed, and whether it is suspended."""

    deployed: bool = True
    suspended: bool = False

    @property
    def fires(self) -> bool:
        """Whether its schedules fire."""
        return self.deployed and not self.suspended


@dataclass
class Model:
    """The whole model; `ended` has the deleted jobs, `manual` each accepted run's command by its id.

    `cancelled` has the ids of runs of which a cancel was accepted, `retried` those of runs that repeat another one
    because somebody asked for that.
    """

    projects: dict[str, Project] = field(default_factory=lambda: {name: Project() for name in PROJECTS})
    jobs: dict[str, Job] = field(default_factory=dict)
    ended: dict[str, Job] = field(default_factory=dict)
    manual: dict[str, str] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    retried: set[str] = field(default_factory=set)

    def is_taken(self, project: str, name: str, but_by: str | None = None) -> bool:
        """Return whether another job has this name, its slug or its CronJob's name."""
        wanted = Job(project, name, "", "", enabled=True)
        others = [job for job_id, job in self.jobs.items() if job_id != but_by]
        return any(
            job.cronjob == wanted.cronjob or (job.project, job.slug) == (wanted.project, wanted.slug) for job in others
        )

    def may_follow(self, job_id: str, others: list[str]) -> bool:
        """Return whether a job may run after others: of its project, and none of them over any others after it."""
        project = self.jobs[job_id].project
        if any(one not in self.jobs or self.jobs[one].project != project for one in others):
            return False
        graph = {one: job.after for one, job in self.jobs.items()} | {job_id: others}
        try:
            TopologicalSorter(graph).prepare()
        except CycleError:
            return False
        return True

    def refresh(self, now: datetime) -> None:
        """Record for each job when it starts to fire, changes its schedule, or stops."""
        for job in self.jobs.values():
            self._turn(job, self.every(job), now)

    def pause(self, job_id: str, until: datetime | None, now: datetime) -> None:
        """Pause a job until a time, or end its pause."""
        job = self.jobs[job_id]
        if job.paused_until and job.pauses[-1][1] > now:
            begun, _ = job.pauses.pop()
            job.pauses.append((begun, now))
        if until:
            job.pauses.append((now + ARRIVES_WITHIN, until))
        job.paused_until = until
        self.refresh(now)

    def end_pauses(self, now: datetime) -> None:
        """Let the jobs fire again whose pause is over; a slot at its last moment is the first."""
        for job in self.jobs.values():
            if job.paused_until and job.paused_until <= now:
                until, job.paused_until = job.paused_until, None
                self._turn(job, self.every(job), until - A_SECOND)

    def every(self, job: Job) -> int | None:
        """Return how many minutes are between the slots of a job; None while it fires at none."""
        fires = job.enabled and job.paused_until is None and self.projects[job.project].fires
        return EVERY[job.schedule] if fires else None

    def remove(self, job_id: str, now: datetime) -> None:
        """Remove a job; slots that were due stay due."""
        job = self.ended[job_id] = self.jobs.pop(job_id)
        self._turn(job, None, now)

    def rename(self, job_id: str, name: str, now: datetime) -> None:
        """Rename a job; with another CronJob its firing starts again."""
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
