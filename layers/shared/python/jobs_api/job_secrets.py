"""What is secret about a job, sealed as a whole before the job is written."""

from jobs_api import environment_secrets, webhook_secrets
from jobs_api.jobs import Job


def with_sealed(before: Job | None, after: Job) -> tuple[Job, str | None]:
    """Return the job as it may be stored, and its webhook's signing key if one was made, which is shown this once."""
    sealed, key = webhook_secrets.with_sealed(before, after)
    return environment_secrets.with_sealed(sealed), key
