"""The versions of a job: what each change replaced, and how a version is restored."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Self

from pydantic import Field

from jobs_api.errors import Fault, InvalidRequest
from jobs_api.model.actor import Actor
from jobs_api.model.document import COMPILED_LATE, Absent, Document, Record, Timestamp, rfc3339
from jobs_api.model.job import Job
from jobs_api.model.job_settings import JobSettings
from jobs_api.model.pauses import pause_end
from jobs_api.model.stored_secrets import displayed
from jobs_api.redaction.masking import MASK

HIGHEST_VERSION: Final = 999_999_999


class RollbackRequest(Document):
    """Which version of a job is wanted."""

    model_config = COMPILED_LATE

    version: Annotated[int, Field(strict=True, ge=1, le=HIGHEST_VERSION)]


class FieldChange(Document):
    """A field before and after a change; one that had no value has no `before`, one that lost it no `after`."""

    model_config = COMPILED_LATE

    before: Absent[Any] = None
    after: Absent[Any] = None


class HistoryVersion(Document):
    """A version of a job: when it was made, by which actor, and which fields differ from the version before.

    `changed_by` and `action` are absent where a release made it that did not store them.
    """

    model_config = COMPILED_LATE

    version: int
    changed_at: Timestamp
    changed_by: Absent[Actor] = None
    action: Absent[str] = None
    fields: dict[str, FieldChange]


class JobHistory(Document):
    """A page of a job's versions, newest first; `next_cursor` is there while more follow."""

    model_config = COMPILED_LATE

    versions: list[HistoryVersion]
    next_cursor: Absent[str] = None


class StoredVersion(Record):
    """A version of a job as it is stored: its `settings`, and `before`, the `changed` fields of the version before."""

    version: int
    made_at: datetime
    settings: dict[str, Any]
    before: dict[str, Any] = Field(default_factory=dict)
    changed: list[str] = Field(default_factory=list)

    @classmethod
    def of_change(cls, before: Job | None, after: Job) -> Self:
        """Return the version that a change makes; both jobs are as they are stored, with sealed secrets."""
        # The end of a pause is not a change by a user.
        before = before and before.without_what_is_over(after.updated_at)
        old, new = (settings_shown(job) if job else {} for job in (before, after))
        changed = [name for name in JobSettings.model_fields if old.get(name) != new.get(name)]
        if before:
            changed += _changed_secrets(before, after, but=changed)
        return cls(
            version=after.version,
            made_at=after.updated_at,
            settings=new,
            before={name: old[name] for name in changed if name in old},
            changed=changed,
        )

    @classmethod
    def of_job(cls, job: Job) -> Self:
        """Return a job's present version, without what it changed."""
        return cls(version=job.version, made_at=job.updated_at, settings=settings_shown(job))

    def document(self, changed_by: Actor | None, action: str | None) -> HistoryVersion:
        """Return the version as the API shows it."""
        old, new = with_masks(self.before), with_masks(self.settings)
        changes = {name: FieldChange(before=old.get(name), after=new.get(name)) for name in self.changed}
        return HistoryVersion(
            version=self.version, changed_at=self.made_at, changed_by=changed_by, action=action, fields=changes
        )

    def check_time(self, now: datetime) -> None:
        """Raise InvalidRequest for a version whose pause is over: the job cannot be what it was then."""
        until = pause_end(self.settings.get("paused_until"))
        if until and until <= now:
            said = f"version {self.version} has a pause that ended at {rfc3339(until)}; set its other fields with PUT"
            raise InvalidRequest([Fault("paused_until", said)])

    def changes(self) -> dict[str, Any]:
        """Return the body of the PUT that restores this version: what it had no value for gets its default."""
        known = with_masks(self.settings)
        return {name: known.get(name) for name in JobSettings.model_fields}

    def cannot_be_restored(self, invalid: InvalidRequest) -> InvalidRequest:
        """Say of each fault of that PUT that the version has it."""
        hint = f"as version {self.version} has it; change this field with PUT, then roll back or change the others too"
        return InvalidRequest([Fault(fault.field, f"{fault.message} ({hint})") for fault in invalid.faults])


def version_not_kept(job: Job, wanted: int) -> InvalidRequest:
    """Say that a job has no such version, or none that is known."""
    if wanted > job.version:
        return InvalidRequest([Fault("version", f"the job has no version {wanted} yet; its latest is {job.version}")])
    return InvalidRequest([Fault("version", f"version {wanted} is not in the job's history, which has 400 days")])


def settings_shown(job: Job) -> dict[str, Any]:
    """Return a job's settings as they are shown, with masks for secrets; without the fields that have no value."""
    return with_masks(job.settings.model_dump(mode="json"))


def with_masks(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with masks for what is secret by today's rules."""
    known = dict(settings)
    if known.get("environment"):
        known["environment"] = displayed(known["environment"])
    if known.get("webhook_headers"):
        known["webhook_headers"] = dict.fromkeys(known["webhook_headers"], MASK)
    return known


def _changed_secrets(before: Job, after: Job, *, but: Collection[str]) -> list[str]:
    """Return the fields in which a secret value changed, though they look the same with their masks."""
    sealed = {
        "environment": (before.sealed_environment, after.sealed_environment),
        "webhook_headers": (before.webhook.headers, after.webhook.headers),
    }
    return [name for name, (old, new) in sealed.items() if old != new and name not in but]
