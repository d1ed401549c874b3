"""Seals all secrets of a job before the job is written."""

from jobs_api.model.job import Job
from jobs_api.sealing import environment, webhook


def with_sealed_secrets(before: Job | None, after: Job) -> tuple[Job, str | None]:
    """Return the job as it may be stored, and its webhook's signing key if one was made, which is shown only now."""
    sealed, key = webhook.with_sealed_webhook(before, after)
    return environment.with_sealed_environment(sealed), key
