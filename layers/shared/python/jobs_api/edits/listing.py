"""Compares a list of jobs with those of a project: which entry is which job, and what becomes of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

from jobs_api.edits.plan import JobChange
from jobs_api.edits.predecessors import NamedJobs, Unresolved
from jobs_api.errors import MOST_FAULTS, Fault, InvalidRequest
from jobs_api.ids import new_id
from jobs_api.model import names
from jobs_api.model.chains import cycle_in_words
from jobs_api.model.job import Job
from jobs_api.model.job_settings import JobSettings
from jobs_api.model.project import Project

# An operator sets these beside the list, so an entry without them leaves them as they are.
PAUSE: Final = frozenset({"paused_until", "pause_reason"})
# The fields without a default.
REQUIRED: Final = frozenset({"name", "command"})
# How many cycles one answer names.
NAMED_CYCLES: Final = 10

type Opened = Callable[[Job], Mapping[str, str]]


@dataclass(frozen=True)
class Present:
    """A project and its jobs as they are; `headers` and `environment` open the secrets of a job."""

    project: Project
    jobs: Sequence[Job]
    now: datetime
    headers: Opened
    environment: Opened


@dataclass
class _Entry:
    """An entry of the list, and the job that it is; a new job gets its id here."""

    at: int
    fields: Mapping[str, Any]
    job: Job | None = None
    id: str = field(default_factory=lambda: new_id("job_"))
    after: Job | None = None

    @property
    def slug(self) -> str | None:
        """The slug of its name, None where that is no valid name."""
        name = self.fields.get("name")
        try:
            return names.slug(names.check_name(name)) if isinstance(name, str) else None
        except names.InvalidName:
            return None

    def fault(self, path: str, message: str) -> Fault:
        """Return a fault of one of its fields."""
        return Fault(f"jobs[{self.at}].{path}", message)


def changes_of(listed: Sequence[Mapping[str, Any]], present: Present, *, prune: bool) -> list[JobChange]:
    """Return what becomes of each entry in the order of the list, then the deletions, oldest job first.

    Args:
        listed: the entries, each with the fields of a job; what one leaves out has its default.
        present: the project as it is.
        prune: whether jobs that are not in the list are deleted.

    Raises:
        InvalidRequest: with the faults of all entries, up to what an answer may name.
    """
    listing = _Listing(present, [_Entry(at, one) for at, one in enumerate(listed)], prune=prune)
    faults = []
    for fault in listing.faults():
        faults.append(fault)
        if len(faults) > MOST_FAULTS:
            break
    if faults:
        raise InvalidRequest(faults)
    kept = [JobChange(entry.at, entry.job, entry.after) for entry in listing.entries]
    return [*kept, *(JobChange(None, job, None) for job in listing.unlisted if prune)]


class _Listing:
    def __init__(self, present: Present, entries: Sequence[_Entry], *, prune: bool) -> None:
        self.present = present
        self.entries = entries
        self.prune = prune
        self.by_id = {job.id: job for job in present.jobs}
        self.unlisted: list[Job] = []
        self._by_slug: dict[str, _Entry] = {}

    def faults(self) -> Iterator[Fault]:
        """Match the entries with jobs, and make each job as it is to be; yield what is wrong."""
        yield from self._match_ids()
        yield from self._match_names()
        claimed = self._claimed()
        self.unlisted = [job for job in self.present.jobs if job.id not in claimed]
        if not self.prune:
            yield from self._taken_names()
        named = self._named_jobs()
        for entry in self.entries:
            yield from self._make(entry, named)
        if all(entry.after for entry in self.entries):
            yield from self._cycles()

    def _claimed(self) -> set[str]:
        """Return the ids of the jobs that entries were matched with so far."""
        return {entry.job.id for entry in self.entries if entry.job}

    def _match_ids(self) -> Iterator[Fault]:
        first: dict[str, _Entry] = {}
        for entry in self.entries:
            job_id = entry.fields.get("id")
            if job_id is None:
                entry.fields = {name: value for name, value in entry.fields.items() if name != "id"}
            elif not isinstance(job_id, str) or job_id not in self.by_id:
                yield entry.fault("id", "is not a job of this project; leave it out to match the job by its name")
            elif first.setdefault(job_id, entry) is not entry:
                yield entry.fault("id", f"is the job of jobs[{first[job_id].at}] too")
            else:
                entry.job, entry.id = self.by_id[job_id], job_id

    def _match_names(self) -> Iterator[Fault]:
        claimed = self._claimed()
        # A job from before names got a hash for lost letters would have another slug today.
        free = {slug: job for job in self.present.jobs if job.id not in claimed for slug in _slugs_of(job)}
        first_by_job: dict[str, _Entry] = {}
        for entry in self.entries:
            slug = entry.slug
            if slug is None:
                continue
            first = self._by_slug.setdefault(slug, entry)
            if first is not entry:
                yield entry.fault("name", f"is the name of jobs[{first.at}] too: both have the slug {slug!r}")
            elif entry.job is None and slug in free and "id" not in entry.fields:
                entry.job, entry.id = free[slug], free[slug].id
                other = first_by_job.setdefault(entry.id, entry)
                if other is not entry:
                    # The job has two slugs: the one that its name would get today, and the older one that it keeps.
                    yield entry.fault("name", f"names the same job of the project as that of jobs[{other.at}]")

    def _named_jobs(self) -> NamedJobs:
        return NamedJobs(
            listed={slug: entry.id for slug, entry in self._by_slug.items()},
            present={slug: job.id for job in self.present.jobs for slug in _slugs_of(job)},
            new_names={entry.job.id: str(entry.fields.get("name")) for entry in self.entries if entry.job},
            ids=self.by_id.keys() | {entry.id for entry in self.entries},
            pruned={job.id for job in self.unlisted} if self.prune else set(),
        )

    def _taken_names(self) -> Iterator[Fault]:
        taken = {slug for job in self.unlisted for slug in _slugs_of(job)}
        for entry in self.entries:
            if entry.job and entry.slug in taken:
                said = "is the name of another job of this project, which is not in the list; choose another name"
                yield entry.fault("name", said)

    def _make(self, entry: _Entry, named: NamedJobs) -> Iterator[Fault]:
        fields = {name: value for name, value in entry.fields.items() if name != "id"}
        if isinstance(fields.get("run_after"), list):
            fields["run_after"] = list(fields["run_after"])
            for at, predecessor in enumerate(fields["run_after"]):
                path = f"run_after.{at}"
                try:
                    fields["run_after"][at] = named.with_id(predecessor, entry.id)
                except Unresolved as unresolved:
                    yield entry.fault(f"{path}.{unresolved.field}", str(unresolved))
                    # A placeholder for the job, so that the other faults are found too.
                    fields["run_after"][at] = {**predecessor, "job_id": f"unknown {at}"}
                    fields["run_after"][at].pop("job", None)
        for name in REQUIRED - fields.keys() if entry.job else ():
            yield entry.fault(name, "is required")
        try:
            entry.after = self._job_of(entry, fields)
        except InvalidRequest as invalid:
            yield from (entry.fault(fault.field, fault.message) for fault in invalid.faults)

    def _job_of(self, entry: _Entry, fields: Mapping[str, Any]) -> Job:
        project, now = self.present.project, self.present.now
        if entry.job is None:
            return Job.new(entry.id, JobSettings.of(fields, project, now), project, now)
        # As in a PUT, null stands for the default.
        every = JobSettings.model_fields.keys() - REQUIRED - (frozenset() if PAUSE & fields.keys() else PAUSE)
        changes = dict.fromkeys(every) | dict(fields)
        return entry.job.changed(changes, project, now, self.present.headers, self.present.environment)

    def _cycles(self) -> Iterator[Fault]:
        entries = {entry.id: entry for entry in self.entries}
        jobs = {job.id: job for job in self.unlisted} | {entry.id: entry.after for entry in self.entries if entry.after}
        before = {job.id: job.predecessor_ids for job in jobs.values()}
        for _ in range(NAMED_CYCLES):
            try:
                TopologicalSorter(before).prepare()
            except CycleError as error:
                # Each runs before the next, and the first is the last.
                way = list(reversed(error.args[1]))
            else:
                return
            start = next(at for at, job_id in enumerate(way) if job_id in entries)
            way = [*way[start:-1], *way[: start + 1]] if start else way
            entry, first = entries[way[0]], way[1]
            place = before[entry.id].index(first)
            yield entry.fault(f"run_after.{place}", cycle_in_words([jobs[job_id].settings.name for job_id in way]))
            before[entry.id] = [job_id for job_id in before[entry.id] if job_id != first]


def _slugs_of(job: Job) -> set[str]:
    return {job.slug, names.slug(job.settings.name)}
