"""The result of a job's last sync, in two attributes, so that 0.1.0 can read the job after a rollback.

0.1.0 refuses a `synced` with a field that it does not know. It ignores attributes that it does not know.
"""

from collections.abc import Mapping
from typing import Any, Final

from pynamodb.expressions.update import Action

from jobs_api.model.job_sync import SyncedVersion
from jobs_api.store.project_rows import JobRow

SINCE_0_2: Final = frozenset({"fingerprint", "right_until"})
# The same in both attributes if one sync wrote them.
WRITTEN: Final = "synced_at"


def result_of(synced: Mapping[str, Any] | None, matched: Mapping[str, Any] | None) -> SyncedVersion | None:
    """Read what the last sync of a job recorded; None before the first."""
    return SyncedVersion.model_validate(put_together(synced, matched)) if synced else None


def put_together(synced: Mapping[str, Any], matched: Mapping[str, Any] | None) -> dict[str, Any]:
    """Put the two attributes together. If 0.1.0 has written `synced` since, `matched` says nothing about it."""
    same = matched and matched[WRITTEN] == synced[WRITTEN]
    return {**synced, **matched} if matched and same else dict(synced)


def updates_of(synced: SyncedVersion) -> list[Action]:
    """Return the updates that record a result."""
    document = synced.model_dump(mode="json")
    matched = {name: value for name, value in document.items() if name in {WRITTEN, *SINCE_0_2}}
    known = {name: value for name, value in document.items() if name not in SINCE_0_2}
    return [JobRow.synced.set(known), JobRow.matched.set(matched)]
