"""The secret values of a job's environment: sealed when written, opened to start a Pod, to mask or to change them.

A value is secret if its variable's name says so. In the job's settings, in tables and in answers a mask replaces it.
"""

from collections.abc import Mapping
from typing import Final

from jobs_api.aws import encryption
from jobs_api.model.job import Job
from jobs_api.model.run import Run
from jobs_api.model.stored_secrets import sealed_names
from jobs_api.model.variables import is_secret
from jobs_api.redaction.masking import MASK

# No value contains this character.
END: Final = "\0"


def values_of(job: Job) -> dict[str, str]:
    """Return a job's variables with their real values. At most one call to KMS per 4 KiB; raises CannotOpen.

    The settings of a job from before values were sealed contain them in clear.
    """
    environment, opened = job.settings.environment, opened_of(job)
    return {name: opened.get(name, value) if value == MASK else value for name, value in environment.items()}


def opened_of(owner: Job | Run) -> dict[str, str]:
    """Return only the sealed values, by name, of a job or of a run that waits to be launched; raises CannotOpen.

    A run's own values take the place of its job's.
    """
    if isinstance(owner, Job):
        return _opened(owner, owner.id, owner.sealed_environment)
    job_s = _opened(owner, owner.job_id, owner.sealed_environment)
    return job_s | _opened(owner, owner.job_id, owner.sealed_variables)


def _opened(owner: Job | Run, job_id: str, sealed_values: str | None) -> dict[str, str]:
    if sealed_values is None:
        return {}
    names, _, sealed = sealed_values.partition(":")
    values = encryption.unseal(sealed, **_context(owner, job_id)).split(END)
    return dict(zip(names.split(","), values[:-1], strict=True))


def sealed_variables(job: Job, variables: Mapping[str, str]) -> tuple[dict[str, str], str | None]:
    """Return the variables of one run as they may be stored, and their secret values, sealed.

    KMS is called only if some value is secret.
    """
    secret = {name: value for name, value in variables.items() if is_secret(name)}
    return {**variables, **dict.fromkeys(secret, MASK)}, _sealed(job, secret) if secret else None


def with_sealed_environment(job: Job) -> Job:
    """Return the job as it may be stored. KMS is called only if some secret value is in clear."""
    environment, sealed = job.settings.environment, sealed_names(job.sealed_environment)
    kept = {name for name in sealed if environment.get(name) == MASK}
    clear = {name: value for name, value in environment.items() if name not in kept and is_secret(name)}
    if not clear and kept == sealed:
        return job
    # Clear values beside sealed ones occur only if more names count as secret now than when those were sealed.
    opened = opened_of(job) if kept else {}
    values = {name: value for name, value in opened.items() if name in kept} | clear
    settings = job.settings.model_copy(update={"environment": environment | dict.fromkeys(values, MASK)})
    update = {"settings": settings, "sealed_environment": _sealed(job, values) if values else None}
    return job.model_copy(update=update)


def _sealed(job: Job, values: dict[str, str]) -> str:
    # In JSON a control character would take six bytes, and KMS does not encrypt an empty text.
    sealed = encryption.seal("".join(value + END for value in values.values()), **_context(job, job.id))
    return f"{','.join(values)}:{sealed}"


def _context(owner: Job | Run, job_id: str) -> dict[str, str]:
    return {"organization_id": owner.organization_id, "job_id": job_id, "of": "environment"}
