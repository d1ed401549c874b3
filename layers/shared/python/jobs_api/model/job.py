"""A job as it is stored: its owner's settings, its secrets, its slots and what the last sync found."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from pydantic import Field

from jobs_api.model import names, slots
from jobs_api.model.document import Record, Timestamp
from jobs_api.model.job_settings import JobSettings
from jobs_api.model.job_sync import JobSync, JobVersion, SyncedVersion, SyncState
from jobs_api.model.project import Project
from jobs_api.model.run_limits import RunLimits
from jobs_api.model.sealed_webhook import SealedWebhook
from jobs_api.model.slots import Firing, SlotHistory
from jobs_api.model.stored_secrets import StoredSecrets, sealed_names
from jobs_api.model.webhook_url import origin_of
from jobs_api.redaction.masking import shown


class Job(Record):
    """A job as it is stored; `version` counts its owner's changes, from 1.

    `webhook` and `sealed_environment` are the secrets, sealed. `headers_for` is the origin for which the headers were
    given, None where there was no address, or the job is older than this field.
    `kept_slug` is the slug of a job that is older than the hashes for lost letters, None for a newer one.
    `due_at` is when its slots must next be checked, None if it has no future slots.
    `recorded_version` is the last version that was stored as one of the job's history, None before there were any.
    """

    id: str
    organization_id: str
    project_id: str
    settings: JobSettings
    webhook: SealedWebhook = Field(default_factory=SealedWebhook)
    headers_for: str | None = None
    sealed_environment: str | None = None
    kept_slug: str | None = None
    cronjob_name: str
    version: int = 1
    created_at: Timestamp
    updated_at: Timestamp
    synced: SyncedVersion | None = None
    slots: SlotHistory = Field(default_factory=lambda job: SlotHistory(since=job["created_at"]))
    due_at: Timestamp | None = None
    recorded_version: int | None = None

    @classmethod
    def new(cls, job_id: str, settings: JobSettings, project: Project, now: datetime) -> "Job":
        """Make a new job of a project."""
        job = cls.known(
            id=job_id,
            organization_id=project.organization_id,
            project_id=project.id,
            settings=settings,
            webhook=SealedWebhook(),
            cronjob_name=names.cronjob_name(project.slug, settings.name),
            version=1,
            created_at=now,
            updated_at=now,
            synced=None,
            slots=SlotHistory(since=now),
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
        settings = self.settings.changed(changes, project, secrets)
        if settings == self.settings:
            return self
        update = {"settings": settings, "version": self.version + 1, "updated_at": now}
        if names.slug(settings.name) != names.slug(self.settings.name):
            update |= {"kept_slug": None, "cronjob_name": names.cronjob_name(project.slug, settings.name)}
        after = self.model_copy(update=update)
        if after.fires_like(self, project):
            return after
        account = self.slots.changed(self.firing, project.periods, now)
        return after.model_copy(update={"slots": account}).replanned(project, now)

    def removed(self, project: Project, now: datetime) -> "Job | None":
        """Return the rest of a deleted job: its slots that may not be settled; None if there are none."""
        account = self.slots.changed(self.firing, project.periods, now)
        if not account.unsettled:
            return None
        # Nothing will start a Pod any more, so no secret value needs to be kept.
        disabled = self.settings.model_copy(update={"enabled": False, "environment": {}})
        update = {"settings": disabled, "sealed_environment": None, "slots": account}
        return self.model_copy(update=update).replanned(project, now)

    def settled(self, until: datetime, project: Project, now: datetime) -> "Job":
        """Return the job with all slots up to then settled."""
        return self.model_copy(update={"slots": self.slots.settled(until)}).replanned(project, now)

    def replanned(self, project: Project, now: datetime) -> "Job":
        """Return the job with the time at which its slots must next be checked."""
        due_at = slots.next_check(self.firings, project.periods, self.slots.settled_until, now)
        return self.model_copy(update={"due_at": due_at})

    def fires_like(self, other: "Job", project: Project) -> bool:
        """Return whether another version of the job has the same slots and the same CronJob, which starts them alike.

        With a longer starting deadline, or without the policy Forbid, a CronJob would start a slot of the past.
        """

        def decisive(job: "Job") -> tuple[object, ...]:
            said = job.settings
            starting = RunLimits.of(project.settings, said).starting
            return said.schedule, said.timezone, said.enabled, job.cronjob_name, starting

        return decisive(self) == decisive(other)

    @property
    def headers_go_to(self) -> str | None:
        """The origin for which its headers were given; None if it is not known, and then they are not sent."""
        return self.headers_for or (origin_of(self.settings.webhook_url) if self.settings.webhook_url else None)

    @property
    def slug(self) -> str:
        """Its name as part of other names, unique in the project."""
        return self.kept_slug or names.slug(self.settings.name)

    @property
    def firing(self) -> Firing | None:
        """Its present schedule and timezone, None while it is disabled."""
        if not self.settings.enabled:
            return None
        return Firing(
            since=self.slots.since,
            schedule=self.settings.schedule,
            timezone=self.settings.timezone,
            cronjob_name=self.cronjob_name,
            in_force_at=self.synced.in_force_at if self.synced else None,
            starting_deadline_seconds=self.settings.starting_deadline_seconds,
        )

    def fires_since(self, project: Project) -> datetime:
        """Return when its present firing began: at the last edit of its schedule, or with its project's period."""
        # Stored times have whole seconds.
        return max([self.slots.since, *(period.since for period in project.periods[-1:])]).replace(microsecond=0)

    @property
    def firings(self) -> list[Firing]:
        """Its earlier firings whose slots are not settled, oldest first, and the present one."""
        return [*self.slots.unsettled, *([self.firing] if self.firing else [])]

    def sync(self, project: Project) -> JobSync:
        """Return whether the CronJob matches this job, as the last sync found."""
        if not project.settings.deployed:
            return JobSync(state=SyncState.NOT_DEPLOYED)
        if self.synced is None:
            return JobSync(state=SyncState.PENDING)
        if self.synced.version != wanted_version(project, self):
            return JobSync(state=SyncState.PENDING, synced_at=self.synced.synced_at)
        said = self.synced.message
        return JobSync(state=self.synced.state, message=shown(said) if said else None, synced_at=self.synced.synced_at)


def wanted_version(project: Project, job: Job | JobVersion) -> str:
    """Return the version that an up-to-date CronJob has: it changes with the project and with the job."""
    return f"{project.version}.{job.version}"
