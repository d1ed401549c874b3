"""The documents of the events for the account, and which of them a write makes. Facts in, decision out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Literal

from jobs_api.ids import derived_id
from jobs_api.model.alert_targets import Event
from jobs_api.model.document import Absent, Document, Timestamp
from jobs_api.model.item_images import Images, JobAddress, StoredJob, SubjectNames
from jobs_api.model.run import JobRun, Run
from jobs_api.model.run_events import as_of, happened
from jobs_api.model.slots import is_miss

DETAIL_VERSION: Final = 1
NAMELESS: Final[SubjectNames] = (None, None)

type JobAction = Literal["created", "updated", "deleted"]


class DetailType(StrEnum):
    """The kind of an event, as a rule's pattern names it in `detail-type`."""

    RUN_STARTED = "Run Started"
    RUN_ENDED = "Run Ended"
    RUN_MISSED = "Run Missed"
    JOB_CHANGED = "Job Changed"


class Subject(Document):
    """A project or a job; `name` is the one it has when the event is put on the bus, absent once it is deleted."""

    id: str
    name: Absent[str] = None


class RunDetail(Document):
    """The detail of an event about a run; a repeated event has the same `event_id`.

    Within a `version` fields may be added; no field is removed or changes its meaning.
    """

    version: int = DETAIL_VERSION
    event_id: str
    organization_id: str
    project: Subject
    job: Subject
    run: JobRun


class JobDetail(Document):
    """The detail of `Job Changed`; `fields` names what an update changed, without values, which may be secret."""

    version: int = DETAIL_VERSION
    event_id: str
    organization_id: str
    project: Subject
    job: Subject
    action: JobAction
    job_version: int
    changed_at: Timestamp
    fields: Absent[list[str]] = None


@dataclass(frozen=True)
class AccountEvent:
    """An event to put on the bus; `at` is when it happened."""

    detail_type: DetailType
    at: datetime
    detail: RunDetail | JobDetail


@dataclass(frozen=True)
class RunNews:
    """A change of a run, read from its write, before the names of project and job are known."""

    detail_type: DetailType
    run: Run

    @property
    def address(self) -> JobAddress:
        """The organization, the project and the job of the change."""
        return self.run.organization_id, self.run.project_id, self.run.job_id

    def event(self, names: Mapping[JobAddress, SubjectNames]) -> AccountEvent:
        """Return the event. Where the job is gone, its names are those that the run keeps for alerts."""
        run, (project_name, job_name) = self.run, names.get(self.address, NAMELESS)
        kept = run.alerts
        detail = RunDetail(
            event_id=derived_id("evt_", run.id, self.detail_type),
            organization_id=run.organization_id,
            project=Subject(id=run.project_id, name=project_name or (kept.project_name if kept else None)),
            job=Subject(id=run.job_id, name=job_name or (kept.job_name if kept else None)),
            run=run.document(),
        )
        return AccountEvent(self.detail_type, self._at, detail)

    @property
    def _at(self) -> datetime:
        if self.detail_type is DetailType.RUN_STARTED:
            return self.run.start_time or self.run.updated_at
        return self.run.end_time or self.run.updated_at


@dataclass(frozen=True)
class JobNews:
    """A change of a job, read from its write, before the project's name is known."""

    action: JobAction
    job: StoredJob
    fields: tuple[str, ...] = ()

    @property
    def address(self) -> JobAddress:
        """The organization, the project and the job of the change."""
        return self.job.organization_id, self.job.project_id, self.job.id

    def event(self, names: Mapping[JobAddress, SubjectNames]) -> AccountEvent:
        """Return the event."""
        job = self.job
        detail = JobDetail(
            event_id=derived_id("evt_", job.id, str(job.version), self.action),
            organization_id=job.organization_id,
            project=Subject(id=job.project_id, name=names.get(self.address, NAMELESS)[0]),
            job=Subject(id=job.id, name=job.name),
            action=self.action,
            job_version=job.version,
            changed_at=job.updated_at,
            fields=list(self.fields) or None,
        )
        return AccountEvent(DetailType.JOB_CHANGED, job.updated_at, detail)


def run_news(images: Images[Run]) -> Iterator[RunNews]:
    """Yield what a write of a run says; nothing for a run that DynamoDB removed at its `expires_at`."""
    before, after = images.before, images.after
    if after is None:
        return
    if is_miss(after):
        if before is None:
            yield RunNews(DetailType.RUN_MISSED, after)
        return
    if Event.STARTED in happened(before, after):
        yield RunNews(DetailType.RUN_STARTED, as_of(after, Event.STARTED))
    if after.status.ended and not (before and before.status.ended):
        yield RunNews(DetailType.RUN_ENDED, after)


def job_news(images: Images[StoredJob]) -> Iterator[JobNews]:
    """Yield what a write of a job says; nothing where a sync wrote its result, or its slots were settled."""
    before, after = images.before, images.after
    if after is None:
        if before is not None:
            yield JobNews("deleted", before)
    elif before is None:
        yield JobNews("created", after)
    elif before.version != after.version:
        yield JobNews("updated", after, tuple(_changed(before.values, after.values)))


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
