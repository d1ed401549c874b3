"""The limits of a job's runs: the job's own value, else its project's. Everything that needs one asks here."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from jobs_api.model.job_settings import JobSettings
from jobs_api.model.project import ConcurrencyPolicy, ProjectSettings


@dataclass(frozen=True)
class RunLimits:
    """How a job's runs are limited.

    Args:
        concurrency_policy: what the CronJob does if its previous run has not ended.
        policy_of: whether the job or its project says so; people read it.
        timeout: how long a run may take.
        starting_deadline: how late the CronJob may still start a slot.
    """

    concurrency_policy: ConcurrencyPolicy
    policy_of: str
    timeout: timedelta
    starting_deadline: timedelta

    @classmethod
    def of(cls, project: ProjectSettings, job: JobSettings) -> Self:
        """Return the limits of the runs of a job of this project."""
        return cls(
            ConcurrencyPolicy(job.concurrency_policy or project.concurrency_policy),
            "job" if job.concurrency_policy else "project",
            timedelta(seconds=job.timeout_seconds or project.active_deadline_seconds),
            timedelta(seconds=job.starting_deadline_seconds or project.starting_deadline_seconds),
        )

    @property
    def starting(self) -> tuple[ConcurrencyPolicy, timedelta]:
        """By which rules the CronJob starts a slot late, or beside the run before."""
        return self.concurrency_policy, self.starting_deadline
