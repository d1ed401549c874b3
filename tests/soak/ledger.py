"""The changes, triggers and cancels that were acknowledged to clients and operators, and when; the audit compares them.

Nothing here comes from a table or from the cluster.
"""

import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from jobs_api import schedule

# How long a change may take to reach the cluster; slots before that are not judged.
IN_FORCE_WITHIN = timedelta(minutes=2)


@dataclass
class Lasting:
    """A time during which something certainly was so: from its acknowledgement to what may have ended it."""

    since: datetime
    until: datetime | None = None
    schedule: str = ""


@dataclass
class KnownJob:
    """A job as its owner knows it; `document` is what was acknowledged last.

    A `steady` one is made and never changed. One is `uncertain` once a request about it was never answered.
    """

    id: str
    organization_id: str
    project_id: str
    document: dict[str, Any]
    steady: bool = False
    deleted: bool = False
    uncertain: bool = False
    fired: list[Lasting] = field(default_factory=list)
    paused_until: datetime | None = None

    def fires(self) -> None:
        """Note that it certainly fires as its document says from now on, or from the end of its pause."""
        if self.document["enabled"] and self.document["schedule"] and not self.deleted:
            since = max(_now(), self.paused_until or _now())
            self.fired.append(Lasting(since, schedule=self.document["schedule"]))

    def may_change(self) -> None:
        """Note that from now on it may fire otherwise, or not at all."""
        _end(self.fired)


@dataclass(frozen=True)
class Accepted:
    """A trigger that was answered with 202."""

    run_id: str
    organization_id: str
    job_id: str


@dataclass
class Ledger:
    """All of it. Threads write to it; each job is written to by one of them alone.

    `retries` has, by organization, the ids of the runs that repeat others because somebody asked for that.
    `cancels` has the ids of runs of which a cancel was accepted, `unanswered_cancels` those of which nobody knows.
    `by_hand` has the names of Kubernetes Jobs that were deleted, or whose pods were, behind everybody's back.
    """

    jobs: dict[str, KnownJob] = field(default_factory=dict)
    accepted: list[Accepted] = field(default_factory=list)
    cancels: set[str] = field(default_factory=set)
    unanswered_cancels: set[str] = field(default_factory=set)
    unanswered_creates: Counter[str] = field(default_factory=Counter)
    unanswered_triggers: Counter[str] = field(default_factory=Counter)
    retries: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    unanswered_retries: int = 0
    projects: dict[str, list[Lasting]] = field(default_factory=dict)
    by_hand: set[str] = field(default_factory=set)
    requests: Counter[tuple[str, str]] = field(default_factory=Counter)
    happened: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    # Set when the soak is interrupted: then no action waits any longer.
    halted: threading.Event = field(default_factory=threading.Event)

    def alive(self) -> list[KnownJob]:
        """Return the jobs that are not deleted."""
        return [job for job in list(self.jobs.values()) if not job.deleted]

    def project_fires(self, project_id: str) -> None:
        """Note that a project is deployed and not suspended from now on."""
        self.projects.setdefault(project_id, []).append(Lasting(_now()))

    def project_may_change(self, project_id: str) -> None:
        """Note that it may not fire from now on."""
        _end(self.projects.get(project_id, []))

    def count(self, event: str, outcome: object) -> None:
        """Count a request by what came of it."""
        with self.lock:
            self.requests[event, str(outcome)] += 1

    def find(self, sentence: str) -> None:
        """Keep what was wrong the moment it was seen."""
        with self.lock:
            self.findings.append(sentence)


def certain_slots(job: KnownJob, project: list[Lasting], until: datetime) -> Iterator[datetime]:
    """Yield the slots at which a job should have run, whatever went wrong, as far as its owner can know."""
    for mine in job.fired:
        for theirs in project:
            begins = max(mine.since, theirs.since) + IN_FORCE_WITHIN
            ends = min(until, mine.until or until, theirs.until or until)
            for at in schedule.fire_times(mine.schedule, "UTC", begins) if begins < ends else ():
                if at > ends:
                    break
                yield at


def _end(lasting: list[Lasting]) -> None:
    if lasting and lasting[-1].until is None:
        lasting[-1].until = _now()


def _now() -> datetime:
    return datetime.now(UTC)
