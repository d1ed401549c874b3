"""A job as the API returns it, and the page of a list."""

from datetime import datetime

from pydantic import field_serializer

from jobs_api import schedule
from jobs_api.model.document import Absent, Document
from jobs_api.model.job import Job
from jobs_api.model.job_settings import JobSettings
from jobs_api.model.project import Project
from jobs_api.model.service_fields import ServiceFields
from jobs_api.model.stored_secrets import displayed
from jobs_api.redaction.masking import MASK


class JobDocument(ServiceFields, JobSettings):
    """A job as the API returns it: its settings with masked secrets, and the fields that the service adds."""

    @classmethod
    def of_job(cls, job: Job, project: Project, now: datetime, webhook_secret: str | None = None) -> "JobDocument":
        """Show a job as it is at `now`; with its webhook's signing secret where that was made just now.

        A pause that is over is not shown.
        """
        settings = job.without_what_is_over(now).settings
        fires = settings.enabled and project.fires
        return cls.known(
            **vars(settings),
            id=job.id,
            project_id=job.project_id,
            created_at=job.created_at,
            updated_at=job.updated_at,
            cronjob_name=job.cronjob_name,
            next_run_at=_next_run(job, project, now) if fires else None,
            sync=job.sync(project, now),
            webhook_secret=webhook_secret,
        )

    @field_serializer("environment")
    def _mask_secrets(self, environment: dict[str, str]) -> dict[str, str]:
        return displayed(environment)

    @field_serializer("webhook_headers")
    def _mask(self, headers: dict[str, str] | None) -> dict[str, str] | None:
        return headers and dict.fromkeys(headers, MASK)


def _next_run(job: Job, project: Project, now: datetime) -> datetime | None:
    """Return the first time at which an enabled job of a firing project fires, after its pauses."""
    if job.settings.schedule is None:
        return None
    after = max(now, job.fires_since(project))
    return schedule.next_fire(job.settings.schedule, job.settings.timezone, after)


class JobList(Document):
    """The jobs of a project: all of them, unless `next_cursor` says that more follow. `total` counts all."""

    jobs: list[JobDocument]
    total: int
    next_cursor: Absent[str] = None
