"""The entry of the audit log for an administrator's write, which differs between the API and `jobsctl`."""

from typing import Protocol

from jobs_api.model.audit import AuditAction, StoredEntry


class Entries(Protocol):
    """Makes the entry of a write on a target."""

    def __call__(
        self,
        action: AuditAction,
        organization_id: str,
        target: str,
        *,
        once: str | None = None,
        project_id: str | None = None,
    ) -> StoredEntry:
        """Make the entry; `once` tells repeated requests apart."""
