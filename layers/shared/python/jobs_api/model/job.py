"""A job as it is stored: its owner's settings, its secrets, its slots and what the last sync found."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from pydantic import Field

from jobs_api.model import names, pauses, slots
from jobs_api.model.chains import CountedEnd
from jobs_api.model.document import Timestamp
from jobs_api.model.firing_history import FiringSpan, PauseHistory
from jobs_api.model.job_firing import FiringJob
from jobs_api.model.job_settings import JobSettings
from jobs_api.model.job_sync import JobSync, JobVersion, SyncState
from jobs_api.model.pauses import Pause
from jobs_api.model.project import Project
from jobs_api.model.sealed_webhook import SealedWebhook
from jobs_api.model.slot_history import SlotHistory, ToldLate
from jobs_api.model.stored_secrets import StoredSecrets, sealed_names
from jobs_api.model.webhook_url import origin_of
from jobs_api.redaction.masking import shown


class Job(FiringJob):
    """A job as it is stored; `version` counts its owner's changes, from 1.

    `webhook` and `sealed_environment` are the secrets, sealed. `headers_for` is the origin for which the headers were
    given, None where there was no address, or the job is older than this field.
    `kept_slug` is the slug of a job that is older than the hashes for lost letters, None for a newer one.
    `due_at` is when its slots must next be checked, None if it has no future slots.
    `recorded_version` is the last version that was stored as one of the job's history, None before there were any.
    `followers` are the ids of the jobs that run after it; one of them may have been deleted since its last run.
    `counted_ends` are the ends of its predecessors that did not make it run yet, by the predecessors' ids.
    """

    id: str
    organization_id: str
    project_id: str
    webhook: SealedWebhook = Field(default_factory=SealedWebhook)
    headers_for: str | None = None
    sealed_environment: str | None = None
    kept_slug: str | None = None
    version: int = 1
    updated_at: Timestamp
    due_at: Timestamp | None = None
    recorded_version: int | None = None
    followers: frozenset[str] = frozenset()
    counted_ends: dict[str, CountedEnd] = Field(default={})

    @classmethod
    def new(cls, job_id: str, settings: JobSettings, project: Project, now: datetime) -> "Job":
        """Make a new job of a project."""
        pause = Pause.at(settings.paused_until, settings.pause_reason, now)
        job = cls.known(
            id=job_id,
            organization_id=project.organization_id,
            project_id=project.id,
            settings=settings,
            webhook=SealedWebhook(),
            pauses=PauseHistory[FiringSpan]().begun(pause, now),
            cronjob_name=names.cronjob_name(project.slug, settings.name),
            version=1,
            created_at=now,
            updated_at=now,
            synced=None,
            slots=SlotHistory(since=pause.last_second if pause else now),
            due_at=None,
        )
        return job.replanned(project, now)

    def changed(
        self,
        changes: Mapping[str, Any],
        project: Project,
        now: datetime,
        stored_headers: Callable[["Job"], Mapping[str, str]],
        stored_environment: Callable[["Job"], Mapping[str, str]] | None = None,
    ) -> "Job":
        """Return the job's next version with the sent fields replaced; the same job if nothing changes.

        New secret values are not sealed yet: `job_secrets` seals them before they are written. Stored ones are opened
        only where some stay and others do not.

        Raises:
            InvalidRequest: the merged job breaks a rule.
        """
        secrets = StoredSecrets(
            headers=lambda: stored_headers(self),
            environment=lambda: stored_environment(self) if stored_environment else self.settings.environment,
            sealed_names=sealed_names(self.sealed_environment),
            headers_for=self.headers_go_to,
        )
        before = self.without_what_is_over(now)
        changes = pauses.without_what_is_over(changes, before.pauses.ends, before.settings.pause_reason)
        settings = before.settings.changed(changes, project, secrets, now)
        if settings == before.settings:
            return self
        update = {"settings": settings, "version": self.version + 1, "updated_at": now}
        if names.slug(settings.name) != names.slug(self.settings.name):
            update |= {"kept_slug": None, "cronjob_name": names.cronjob_name(project.slug, settings.name)}
        after = before.model_copy(update=update)
        if after.fires_like(before, project):
            return after
        pause = Pause.at(settings.paused_until, settings.pause_reason, now)
        account = self.slots.changed(self.firing, project.periods, now, pause.last_second if pause else now)
        history = before.pauses.with_ended(before.spans, now).begun(pause, now)
        return after.model_copy(update={"slots": account, "pauses": history}).replanned(project, now)

    def removed(self, project: Project, now: datetime) -> "Job | None":
        """Return the rest of a deleted job: its slots that may not be settled; None if there are none."""
        account = self.slots.changed(self.firing, project.periods, now)
        if not account.unsettled:
            return None
        # No Pod will be started any more, so no secret value is kept.
        disabled = self.settings.model_copy(update={"enabled": False, "environment": {}})
        update = {"settings": disabled, "sealed_environment": None, "slots": account}
        return self.model_copy(update=update).replanned(project, now)

    def settled(self, until: datetime, project: Project, now: datetime) -> "Job":
        """Return the job with all slots up to then settled."""
        return self.model_copy(update={"slots": self.slots.settled(until)}).replanned(project, now)

    def with_late_reported(self, deadline: datetime, now: datetime) -> "Job":
        """Return the job with the note that its channels know of slots without a run whose deadline has passed."""
        late = ToldLate(deadline=deadline, found_at=now)
        return self.model_copy(update={"slots": self.slots.model_copy(update={"late": late})})

    def replanned(self, project: Project, now: datetime) -> "Job":
        """Return the job with the time at which its slots must next be checked."""
        due_at = slots.next_check(self.firings, project.periods, self.slots.settled_until, now)
        if due_at and self.synced and self.synced.right_until and self.awaits_resume(project, now):
            # It stays due until a sync has resumed its CronJob, whichever process dies before that.
            due_at = min(due_at, self.synced.right_until)
        return self.model_copy(update={"due_at": due_at})

    def without_what_is_over(self, now: datetime) -> "Job":
        """Return the job without a pause that is over: it then is one of its earlier pauses."""
        if not self.settings.paused_until or self.settings.paused_until > now:
            return self
        settings = self.settings.model_copy(update={"paused_until": None, "pause_reason": None})
        history = self.pauses.with_ended(self.paused_spans, now)
        return self.model_copy(update={"settings": settings, "pauses": history})

    @property
    def headers_go_to(self) -> str | None:
        """The origin for which its headers were given; None if it is not known, and then they are not sent."""
        return self.headers_for or (origin_of(self.settings.webhook_url) if self.settings.webhook_url else None)

    @property
    def slug(self) -> str:
        """The job's name as part of other names, unique in the project."""
        return self.kept_slug or names.slug(self.settings.name)

    @property
    def predecessor_ids(self) -> list[str]:
        """The ids of the jobs that it runs after."""
        return [one.job_id for one in self.settings.predecessors]

    def sync(self, project: Project, now: datetime) -> JobSync:
        """Return whether the CronJob matches this job, as the last sync found."""
        if not project.settings.deployed:
            return JobSync.known(state=SyncState.NOT_DEPLOYED)
        if self.synced is None:
            return JobSync.known(state=SyncState.PENDING)
        if self.synced.version != wanted_version(project, self) or self.awaits_resume(project, now):
            return JobSync.known(state=SyncState.PENDING, synced_at=self.synced.synced_at)
        said = self.synced.message
        message = shown(said) if said else None
        return JobSync.known(state=self.synced.state, message=message, synced_at=self.synced.synced_at)


def wanted_version(project: Project, job: Job | JobVersion) -> str:
    """Return the version that an up-to-date CronJob has: it changes with the project and with the job."""
    return f"{project.version}.{job.version}"
