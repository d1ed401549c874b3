"""The errors of the service, named for the situation; `jobs_api.api.problems` has the table of their answers."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

# A body of 256 KiB can break more rules than fit into an answer of 6 MB, Lambda's limit.
MOST_FAULTS: Final = 200
MOST_CHARACTERS: Final = 100
# A rule may quote the value that breaks it. All messages together have no more than a person would read.
MOST_OF_A_MESSAGE: Final = 500
MOST_OF_ALL_MESSAGES: Final = 16_000
MOST_OF_A_SUMMARY: Final = 4_000


# As jobs_api.auth makes them: an id, which anybody may see, and a secret.
ISSUED_TOKEN_CHARACTERS: Final = 100
_TOKEN: Final = re.compile(r"(jat_[0-9a-z]{1,32}_)[\w-]+")


def shortened(text: str, most: int = MOST_CHARACTERS) -> str:
    """Return a text from a caller as an error or a log repeats it.

    It is shortened if it is longer than any id or name of ours, and the secret of a token in it is masked.
    """
    shown = _TOKEN.sub(r"\1***", text[: most + ISSUED_TOKEN_CHARACTERS])
    return shown if len(shown) <= most else f"{shown[:most]}..."


@dataclass(frozen=True)
class Fault:
    """One field that breaks a rule: its path (`resources.limits.cpu`) and what would be right."""

    field: str
    message: str


class JobsApiError(Exception):
    """An error that the caller gets as an answer; its text is shown unchanged."""


class NotFound(JobsApiError):
    """The organization has nothing of that name; the answer is the same for things of another organization."""


class ProjectNotFound(NotFound):
    """No such project in the caller's organization."""

    def __init__(self, project_id: str) -> None:
        super().__init__(f"There is no project {shortened(project_id)!r}")


class JobNotFound(NotFound):
    """The project has no such job."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"There is no job {shortened(job_id)!r} in this project")


class TokenExpired(JobsApiError):
    """The token has expired since the gateway asked the authorizer, whose answer it keeps for a minute."""

    def __init__(self) -> None:
        super().__init__("The token has expired; ask an admin for a new one")


class RunNotFound(NotFound):
    """No such run in the caller's organization."""

    def __init__(self, run_id: str) -> None:
        super().__init__(f"There is no run {shortened(run_id)!r}")


class DeliveryNotFound(NotFound):
    """The job has no such delivery, or it has expired."""

    def __init__(self, delivery_id: str) -> None:
        super().__init__(f"This job has no delivery {shortened(delivery_id)!r}; they are kept for 30 days")


class NoLatestArtifact(NotFound):
    """No success has such an artifact that is still kept."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"No successful run stored an artifact {shortened(path)!r} that is still kept: the project needs "
            "`artifacts`, and a run whose command writes that file"
        )


class ArtifactNotFound(NotFound):
    """The run stored no such file."""

    def __init__(self, path: str) -> None:
        super().__init__(f"This run has no artifact {shortened(path)!r}; GET its artifacts lists those that it has")


class LiveJobNotFound(NotFound):
    """The cluster has no Job of that name that this service made."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The cluster has no job {shortened(name)!r}; ended ones expire, but their runs stay readable")


class Conflict(JobsApiError):
    """The request is valid, but not in the present state."""


class NameTaken(Conflict):
    """Another thing of the same kind already has this name, or one with the same slug."""


class TooManyJobs(Conflict):
    """The project has as many jobs as it may have."""


class ChangedMeanwhile(Conflict):
    """Somebody else changed the same thing first."""


class StalePlan(Conflict):
    """The plan of a list of jobs is no longer the one that the client read."""


class KeyReused(Conflict):
    """An Idempotency-Key came again with another body."""


class StillInProgress(Conflict):
    """The first request with this Idempotency-Key has not ended."""


class ProjectNotDeployed(Conflict):
    """A run needs a project that is deployed."""


class ProjectDeployed(Conflict):
    """A project cannot be deleted while it is deployed."""


class NoResults(NotFound):
    """The log of the run has no result of any model or test."""


class RunNotCompleted(Conflict):
    """A run's stored log, and what it says, exist only once the run has ended."""


class RunInProgress(Conflict):
    """A run was to start only if no other run of its job is open, and one is open."""


class RunAlreadyEnded(Conflict):
    """A run that has ended cannot be cancelled."""


class JobHasFollowers(Conflict):
    """The job cannot be deleted while other jobs run after it."""


class NothingToRetry(Conflict):
    """A run has left nothing from which its tool could continue."""


class NothingConfigured(Conflict):
    """The job has no Slack channel or webhook that the request needs."""


class InvalidRequest(JobsApiError):
    """Fields break rules: lists all of them, not only the first, up to what a person would read."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = list(_shown_faults(faults))
        noun = "field breaks" if len(faults) == 1 else "fields break"
        parts = [f"{fault.field}: {fault.message}" for fault in self.faults]
        if len(faults) > len(self.faults):
            parts.append(f"and {len(faults) - len(self.faults)} more")
        super().__init__(f"{len(faults)} {noun} a rule: " + shortened("; ".join(parts), MOST_OF_A_SUMMARY))


def _shown_faults(faults: list[Fault]) -> Iterator[Fault]:
    """Yield shortened faults, at least one, until they reach the number or the length that an answer may have."""
    left = MOST_OF_ALL_MESSAGES
    for at, fault in enumerate(faults[:MOST_FAULTS]):
        short = Fault(shortened(fault.field), shortened(fault.message, MOST_OF_A_MESSAGE))
        left -= len(short.field) + len(short.message)
        if left < 0 and at:
            return
        yield short


class InvalidBody(JobsApiError):
    """The body is not a JSON object."""


class PayloadTooLarge(JobsApiError):
    """The body is over the limit."""


class Forbidden(JobsApiError):
    """The token is valid, but does not allow this."""


class TooManyCalls(JobsApiError):
    """The organization already has the greatest number of waiting calls."""


class ClusterError(JobsApiError):
    """The organization's cluster refused or failed a request."""


class ClusterUnavailable(ClusterError):
    """The organization's cluster did not answer, or its answer was invalid."""
