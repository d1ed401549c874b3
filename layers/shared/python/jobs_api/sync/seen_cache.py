"""Remembers which CronJobs were as they should be, so that only what changed since is compared again.

It lives as long as the process, and whatever it has forgotten is only compared once more.
"""

from typing import Final

from jobs_api.k8s.manifests import Manifest

LIMIT: Final = 200_000


class Memory:
    """What earlier looks found, by marks that are different as soon as anything is."""

    def __init__(self) -> None:
        self._as_wanted: set[int] = set()
        self._organizations: set[str] = set()

    def knows(self, organization_id: str) -> bool:
        """Tell whether an organization was ever looked at as a whole."""
        return organization_id in self._organizations

    def know(self, organization_id: str) -> None:
        """Note that an organization was looked at as a whole."""
        self._organizations.add(organization_id)

    def holds(self, fingerprint: int, job_id: str, version: str) -> bool:
        """Tell whether this very CronJob was found to be what this version of the job wants."""
        return hash((fingerprint, job_id, version)) in self._as_wanted

    def keep(self, fingerprint: int, job_id: str, version: str) -> None:
        """Note that it was."""
        if len(self._as_wanted) >= LIMIT:
            self._as_wanted.clear()
            self._organizations.clear()
        self._as_wanted.add(hash((fingerprint, job_id, version)))


def fingerprint(cronjob: Manifest) -> int:
    """Return a number that stays the same while a live CronJob's spec, labels and annotations do.

    The API server counts the changes of the spec in `metadata.generation`; `resourceVersion` moves with the status too,
    each time a CronJob fires.
    https://github.com/kubernetes/kubernetes/blob/master/pkg/registry/batch/cronjob/strategy.go
    """
    metadata = cronjob["metadata"]
    return hash(
        (
            metadata["uid"],
            metadata.get("generation") or metadata["resourceVersion"],
            metadata.get("deletionTimestamp"),
            frozenset((metadata.get("labels") or {}).items()),
            frozenset((metadata.get("annotations") or {}).items()),
        )
    )
