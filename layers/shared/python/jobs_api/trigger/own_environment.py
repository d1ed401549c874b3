"""The variables that a trigger adds to its job's, for one run: which it may add, and the job with them."""

from collections.abc import Iterator, Mapping
from typing import Any

from jobs_api.model import variables
from jobs_api.model.job import Job
from jobs_api.model.named_faults import NamedFault
from jobs_api.model.project import Project
from jobs_api.model.run import Run
from jobs_api.redaction.masking import MASK


def sent(environment: Any, job: Job) -> Any:
    """Return what somebody sent without the masks of the job's own secret values, which these keep."""
    if not isinstance(environment, dict):
        return environment
    own = job.settings.environment
    return {n: v for n, v in environment.items() if not (v == MASK and n in own and variables.is_secret(n))}


def faults(environment: Mapping[str, str], job: Job, project: Project) -> Iterator[NamedFault]:
    """Return everything wrong with a run's own variables, and with their number and size beside the job's.

    The job's own are not checked again: they may be older than a rule.
    """
    found = list(variables.environment_faults(environment, project.settings.allowed_environment))
    yield from found
    if all(fault.name for fault in found):
        yield from variables.size_faults(job.settings.environment | dict(environment), "with the job's own ")


def with_variables(job: Job, environment: Mapping[str, str]) -> Job:
    """Return a job with the variables of one run over its own; secret values are masks."""
    settings = job.settings.model_copy(update={"environment": job.settings.environment | dict(environment)})
    return job.model_copy(update={"settings": settings}) if environment else job


def values_to_repeat(run: Run) -> dict[str, Any]:
    """Return the fields of a run that somebody said, beside its command, so that another attempt has them too."""
    names = ("environment", "sealed_variables", "cause", "git_sha")
    return {name: getattr(run, name) for name in names}
