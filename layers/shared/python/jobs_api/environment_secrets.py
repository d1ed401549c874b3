"""What is secret in a job's environment: sealed when it is written, opened to start a pod, to mask or to change it.

A value is secret where its variable's name says so. In the job's settings, in tables and in answers a mask stands for
it.
"""

from collections.abc import Mapping
from itertools import batched, chain

from jobs_api import sealing
from jobs_api.jobs import MASK, Job
from jobs_api.runs import Run
from jobs_api.variables import is_secret


def values_of(job: Job) -> dict[str, str]:
    """Return a job's variables with the values themselves. At most a call to KMS per 4 KiB; raises CannotOpen.

    Those of a job that was written before they were sealed are in its settings as they are.
    """
    environment = job.settings.environment
    opened = opened_of(job)
    return {name: opened.get(name, value) if value == MASK else value for name, value in environment.items()}


def opened_of(owner: Job | Run) -> dict[str, str]:
    """Return the sealed values alone, by name, of a job or of a run that waits to be launched; raises CannotOpen."""
    if owner.sealed_environment is None:
        return {}
    job_id = owner.id if isinstance(owner, Job) else owner.job_id
    return _read(sealing.unseal(owner.sealed_environment, **_context(owner, job_id)))


def with_sealed(job: Job) -> Job:
    """Return the job as it may be stored. Nothing is asked of KMS where no secret value is in the clear."""
    environment = job.settings.environment
    clear = {name: value for name, value in environment.items() if value != MASK and is_secret(name)}
    if not clear:
        sealed = job.sealed_environment if MASK in environment.values() else None
        return job if sealed == job.sealed_environment else job.model_copy(update={"sealed_environment": sealed})
    # Both at once only where more names are taken for secret than when the others were sealed.
    opened = opened_of(job) if MASK in environment.values() else {}
    kept = {name: value for name, value in opened.items() if environment.get(name) == MASK}
    sealed = sealing.seal(_written(kept | clear), **_context(job, job.id))
    settings = job.settings.model_copy(update={"environment": environment | dict.fromkeys(clear, MASK)})
    return job.model_copy(update={"settings": settings, "sealed_environment": sealed})


def _written(values: Mapping[str, str]) -> str:
    # No name or value holds this character. In JSON a control character would take six bytes.
    return "\0".join(chain.from_iterable(values.items()))


def _read(text: str) -> dict[str, str]:
    return dict(batched(text.split("\0"), 2, strict=True)) if text else {}


def _context(owner: Job | Run, job_id: str) -> dict[str, str]:
    return {"organization_id": owner.organization_id, "job_id": job_id, "of": "environment"}
