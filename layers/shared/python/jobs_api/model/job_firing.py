"""When a job fires: by which schedule, since when, and what a pause of it or of its project changes."""

from datetime import datetime

from pydantic import Field

from jobs_api.model import pauses
from jobs_api.model.document import Record, Timestamp
from jobs_api.model.firing_history import FiringSpan, PauseHistory
from jobs_api.model.job_settings import JobSettings
from jobs_api.model.job_sync import SyncedVersion
from jobs_api.model.pauses import Pause
from jobs_api.model.periods import Firing
from jobs_api.model.project import Project
from jobs_api.model.run_limits import RunLimits
from jobs_api.model.slot_history import SlotHistory


class FiringJob(Record):
    """The fields of a job that decide when it fires.

    `slots` has its earlier firings whose slots are not settled, `pauses` its earlier schedules and pauses, which
    explain its slots, and `synced` what the last sync found of its CronJob.
    """

    settings: JobSettings
    cronjob_name: str
    created_at: Timestamp
    synced: SyncedVersion | None = None
    slots: SlotHistory = Field(default_factory=lambda job: SlotHistory(since=job["created_at"]))
    pauses: PauseHistory[FiringSpan] = Field(default_factory=PauseHistory[FiringSpan])

    def fires_like(self, other: "FiringJob", project: Project) -> bool:
        """Return whether another version of the job has the same slots and the same CronJob, which starts them alike.

        A change of a pause, or of its reason, changes what is said of slots. With a longer starting deadline,
        or without the policy Forbid, a CronJob would start a slot of the past.
        """

        def decisive(job: FiringJob) -> tuple[object, ...]:
            said = job.settings
            starting = RunLimits.of(project.settings, said).starting
            paused = said.paused_until, said.pause_reason
            return said.schedule, said.timezone, said.enabled, paused, job.cronjob_name, starting

        return decisive(self) == decisive(other)

    def pause_at(self, project: Project, now: datetime) -> Pause | None:
        """Return the pause that is in effect at a time, of the job or of its project.

        Where both are, it lasts as long as the longer one, and the job's own reason comes first.
        """
        own = Pause.at(self.settings.paused_until, self.settings.pause_reason, now)
        found = [pause for pause in (own, project.pause_at(now)) if pause]
        if not found:
            return None
        reason = next((pause.reason for pause in found if pause.reason), None)
        return Pause(max(pause.until for pause in found), reason)

    def awaits_resume(self, project: Project, now: datetime) -> bool:
        """Return whether a pause has ended, and no sync has resumed the CronJob yet."""
        return bool(self.synced and self.synced.is_over(now) and project.fires and self.firing)

    @property
    def spans(self) -> list[FiringSpan]:
        """How its slots are to be explained since the last change of its firing: its pause, and what follows it."""
        firing = self.firing
        if firing is None:
            return []
        fires = FiringSpan(since=firing.since, schedule=firing.schedule, timezone=firing.timezone)
        return [*self.paused_spans, fires]

    @property
    def paused_spans(self) -> list[FiringSpan]:
        """The job's present pause, if it has one while it is enabled; that may be over by now."""
        since, until, firing = self.pauses.paused_since, self.settings.paused_until, self.firing
        if not (since and until and firing):
            return []
        return [
            FiringSpan(
                since=since,
                until=until - pauses.A_SECOND,
                schedule=firing.schedule,
                timezone=firing.timezone,
                paused=True,
                reason=self.settings.pause_reason,
            )
        ]

    @property
    def firing(self) -> Firing | None:
        """The job's present schedule and timezone, None while the job is disabled or has no schedule."""
        if not self.settings.enabled or self.settings.schedule is None:
            return None
        return Firing(
            since=self.slots.since,
            schedule=self.settings.schedule,
            timezone=self.settings.timezone,
            cronjob_name=self.cronjob_name,
            in_force_at=self.synced.in_force_at if self.synced else None,
            starting_deadline_seconds=self.settings.starting_deadline_seconds,
            after_pause=self.pauses.after_pause,
        )

    def fires_since(self, project: Project) -> datetime:
        """Return when its present firing began: at the last edit of its schedule, or with its project's period.

        During a pause it is the last second of the pause.
        """
        # Stored times have whole seconds.
        since = project.last_fired_since
        return (max(self.slots.since, since) if since else self.slots.since).replace(microsecond=0)

    @property
    def has_cronjob(self) -> bool:
        """Whether it has a CronJob while its project is deployed: only its schedule needs one."""
        return self.settings.schedule is not None

    @property
    def firings(self) -> list[Firing]:
        """The job's earlier firings whose slots are not settled, oldest first, and the present one."""
        return [*self.slots.unsettled, *([self.firing] if self.firing else [])]
