"""What is secret in a job's environment: sealed when it is written, opened to start a pod, to mask or to change it.

A value is secret where its variable's name says so. In the job's settings, in tables and in answers a mask stands for
it.
"""

from typing import Final

from jobs_api.aws import encryption
from jobs_api.model.job import Job, sealed_names
from jobs_api.model.run import Run
from jobs_api.model.variables import is_secret
from jobs_api.redaction.masking import MASK

# No value holds this character.
END: Final = "\0"


def values_of(job: Job) -> dict[str, str]:
    """Return a job's variables with the values themselves. At most a call to KMS per 4 KiB; raises CannotOpen.

    Those of a job that was written before they were sealed are in its settings as they are.
    """
    environment, opened = job.settings.environment, opened_of(job)
    return {name: opened.get(name, value) if value == MASK else value for name, value in environment.items()}


def opened_of(owner: Job | Run) -> dict[str, str]:
    """Return the sealed values alone, by name, of a job or of a run that waits to be launched; raises CannotOpen."""
    if owner.sealed_environment is None:
        return {}
    names, _, sealed = owner.sealed_environment.partition(":")
    job_id = owner.id if isinstance(owner, Job) else owner.job_id
    values = encryption.unseal(sealed, **_context(owner, job_id)).split(END)
    return dict(zip(names.split(","), values[:-1], strict=True))


def with_sealed_environment(job: Job) -> Job:
    """Return the job as it may be stored. Nothing is asked of KMS where no secret value is in the clear."""
    environment, sealed = job.settings.environment, sealed_names(job.sealed_environment)
    kept = {name for name in sealed if environment.get(name) == MASK}
    clear = {name: value for name, value in environment.items() if name not in kept and is_secret(name)}
    if not clear and kept == sealed:
        return job
    # Some are in the clear beside others only where more names are taken for secret than when those were sealed.
    opened = opened_of(job) if kept else {}
    values = {name: value for name, value in opened.items() if name in kept} | clear
    settings = job.settings.model_copy(update={"environment": environment | dict.fromkeys(values, MASK)})
    update = {"settings": settings, "sealed_environment": _sealed(job, values) if values else None}
    return job.model_copy(update=update)


def _sealed(job: Job, values: dict[str, str]) -> str:
    # In JSON a control character would take six bytes, and KMS encrypts no empty text.
    sealed = encryption.seal("".join(value + END for value in values.values()), **_context(job, job.id))
    return f"{','.join(values)}:{sealed}"


def _context(owner: Job | Run, job_id: str) -> dict[str, str]:
    return {"organization_id": owner.organization_id, "job_id": job_id, "of": "environment"}
