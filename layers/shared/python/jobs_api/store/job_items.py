"""How a job stands in the table, and is read back."""

from typing import Any

from pynamodb.expressions.update import Action as UpdateAction

from jobs_api.model.chains import CountedEnd
from jobs_api.model.firing_history import FiringSpan, PauseHistory
from jobs_api.model.job import Job
from jobs_api.model.job_settings import JobSettings
from jobs_api.model.project import Project
from jobs_api.model.sealed_webhook import SealedWebhook
from jobs_api.model.slot_history import SlotHistory
from jobs_api.redaction.masking import MASK
from jobs_api.store import sync_results
from jobs_api.store.older_names import kept_slug
from jobs_api.store.project_rows import (
    JOB,
    JobRow,
    ProjectsRow,
)
from jobs_api.store.projects import partition_of

# Not validated, because validation would compile rules that most functions never use.
NO_WEBHOOK = SealedWebhook.known(keys=[])
NO_PAUSES = PauseHistory[FiringSpan].known(past=[])

_AS_THEY_ARE = ("headers_for", "sealed_environment", "cronjob_name", "created_at", "updated_at", "due_at")
# Read together: PynamoDB's descriptors take a tenth of the time of a list.
_READ = (
    *_AS_THEY_ARE,
    *("settings", "webhook", "slug", "version", "synced", "matched", "slots", "pauses", "recorded_version"),
    *("followers", "counted_ends"),
)


def slots_of(job: Job) -> list[UpdateAction]:
    """Return the updates of a job's slot history, and of when its slots must next be checked."""
    return [JobRow.slots.set(job.slots.model_dump(mode="json")), *due_of(job)]


def due_of(job: Job) -> list[UpdateAction]:
    """Return the updates of when a job's slots must next be checked."""
    return [
        JobRow.due_in.set(job.organization_id) if job.due_at else JobRow.due_in.remove(),
        JobRow.due_at.set(job.due_at) if job.due_at else JobRow.due_at.remove(),
    ]


def set_or_removed(attribute: Any, value: Any) -> UpdateAction:
    """Return the update that sets an attribute, or removes it where there is no value."""
    action: UpdateAction = attribute.set(value) if value else attribute.remove()
    return action


def job_of(row: ProjectsRow, project: Project) -> Job:
    """Read a job, or the rest of a deleted one, from its row."""
    if not isinstance(row, JobRow):
        raise TypeError(f"{row.partition} {row.sort} is not a job")
    values = row.values(_READ)
    webhook, slots, pauses, recorded = (values[name] for name in ("webhook", "slots", "pauses", "recorded_version"))
    return Job.known(
        id=row.sort.partition("#")[2],
        organization_id=project.organization_id,
        project_id=project.id,
        settings=JobSettings.stored(values["settings"]),
        webhook=SealedWebhook.model_validate(webhook) if webhook else NO_WEBHOOK,
        kept_slug=kept_slug(values["slug"], values["settings"]["name"]),
        version=int(values["version"]),
        synced=sync_results.result_of(values["synced"], values["matched"]),
        slots=SlotHistory.model_validate(slots) if slots else SlotHistory(since=values["created_at"]),
        pauses=PauseHistory[FiringSpan].model_validate(pauses) if pauses else NO_PAUSES,
        recorded_version=None if recorded is None else int(recorded),
        followers=frozenset(values["followers"] or ()),
        counted_ends=counted_ends_of(values["counted_ends"]),
        **{name: values[name] for name in _AS_THEY_ARE},
    )


def counted_ends_of(stored: dict[str, Any] | None) -> dict[str, CountedEnd]:
    """Read the ends of predecessors that were counted."""
    return {job_id: CountedEnd.model_validate(one) for job_id, one in (stored or {}).items()}


def stored_counted_ends(job: Job) -> dict[str, Any] | None:
    """Return what `counted_ends_of` reads."""
    return {job_id: one.model_dump(mode="json") for job_id, one in job.counted_ends.items()} or None


def row_of_job(job: Job, kind: type[JobRow] = JobRow, prefix: str = JOB) -> JobRow:
    """Return the row of a job; `kind` and `prefix` are other ones for the rest of a deleted job."""
    settings = job.settings.model_dump(mode="json")
    if settings.get("webhook_headers"):
        # The headers' values are sealed in `webhook`; the settings never contain them, even if the caller forgot to
        # mask them.
        settings["webhook_headers"] = dict.fromkeys(settings["webhook_headers"], MASK)
    return kind(
        partition_of(job.organization_id, job.project_id),
        prefix + job.id,
        settings=settings,
        slug=job.slug,
        webhook=job.webhook.model_dump(mode="json") if job.webhook != NO_WEBHOOK else None,
        headers_for=job.headers_for,
        sealed_environment=job.sealed_environment,
        cronjob_name=job.cronjob_name,
        version=job.version,
        created_at=job.created_at,
        updated_at=job.updated_at,
        slots=job.slots.model_dump(mode="json"),
        pauses=job.pauses.model_dump(mode="json") or None,
        due_in=job.organization_id if job.due_at else None,
        due_at=job.due_at,
        recorded_version=job.recorded_version,
    )
