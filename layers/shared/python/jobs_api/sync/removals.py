"""Which CronJobs that no job wants may be removed: those of which the tables know why, and a few others at once.

Where the tables do not know many CronJobs of a cluster, the tables are more likely wrong: empty, or restored to an
earlier time. So CronJobs without a record are removed only where they are few; otherwise an operator has to confirm.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from jobs_api.model.organization import HeldRemovals, RemovalConfirmation
from jobs_api.model.project_record import ProjectRecord
from jobs_api.sync.changes import Delete

# The share of an organization's CronJobs, one in this many, that may be removed without a record of why.
UNKNOWN_IN: Final = 10
NAMED: Final = 20


class Standing(StrEnum):
    """The standing of a CronJob that no job wants: the tables explain it, do not, or do not know it as ours."""

    KNOWN = "known"
    UNKNOWN = "unknown"
    STRANGER = "stranger"


@dataclass(frozen=True)
class RemovalVerdict:
    """The verdict on each orphan: remove it, hold it until an operator confirms, or leave it to its maker.

    `there` is how many CronJobs this deployment has, `unknown` how many of them the tables do not explain.
    """

    removed: Sequence[Delete] = ()
    held: Sequence[Delete] = ()
    strangers: Sequence[Delete] = ()
    there: int = 0
    unknown: int = 0


def standing(orphan: Delete, record: ProjectRecord, *, closed: bool = False) -> Standing:
    """Return what the tables say about an orphan.

    Args:
        orphan: a CronJob that no job wants.
        record: of the project that its labels name.
        closed: whether its organization is being deleted, so that nothing of it is to stay.
    """
    # A CronJob without a deployment label belongs to the deployment whose tables know its job.
    if not orphan.labelled and not record.knows_job(orphan.job_id):
        return Standing.STRANGER
    return Standing.KNOWN if closed or can_explain(orphan, record) else Standing.UNKNOWN


def removal_verdict(
    orphans: Iterable[tuple[Delete, Standing]],
    there: int,
    confirmation: RemovalConfirmation | None,
    now: datetime,
    *,
    whole: bool = True,
) -> RemovalVerdict:
    """Decide what to do with an organization's orphans.

    Args:
        orphans: each with what the tables say about it.
        there: how many CronJobs are this deployment's, without the orphans that have no deployment label.
        confirmation: an operator's last one.
        now: aware.
        whole: whether these are all of the organization's; otherwise all unknown ones are held.
    """
    found: dict[Standing, list[Delete]] = {one: [] for one in Standing}
    for orphan, stands in orphans:
        found[stands].append(orphan)
    known, unknown = found[Standing.KNOWN], found[Standing.UNKNOWN]
    there += sum(not orphan.labelled for orphan in (*known, *unknown))
    kept = held(unknown, there, confirmation, now) if whole else unknown
    stay = set(kept)
    removed = [*known, *(orphan for orphan in unknown if orphan not in stay)]
    return RemovalVerdict(removed, kept, found[Standing.STRANGER], there, len(unknown))


def can_explain(orphan: Delete, record: ProjectRecord) -> bool:
    """Return whether the tables know why no job wants a CronJob.

    Either its project or its job was deleted; or its project was undeployed, or its job renamed, by a version that is
    not older than the CronJob's. Older tables are from before the CronJob was made, and cannot say what should be.
    """
    if record.deleted:
        return True
    if record.version is None:
        return False
    job = record.jobs.get(orphan.job_id)
    if job is None and orphan.job_id in record.deleted_jobs:
        return True
    if record.version < orphan.project_version:
        return False
    return not record.deployed or (job is not None and job >= orphan.job_version)


def held(
    unknown: Sequence[Delete], there: int, confirmation: RemovalConfirmation | None, now: datetime
) -> list[Delete]:
    """Return those of the unknown CronJobs that must stay until an operator confirms their removal.

    Args:
        unknown: CronJobs that no job wants and that the tables do not explain.
        there: how many CronJobs of this deployment the organization has in its cluster, including these.
        confirmation: an operator's last one.
        now: aware.
    """
    rest = list(unknown)
    if confirmation:
        others = [one for one in unknown if not confirmation.covers(one.project_id, now)]
        if len(unknown) - len(others) <= confirmation.at_most:
            rest = others
    return rest if len(rest) * UNKNOWN_IN > there else []


def described(found: Sequence[Delete], there: int, now: datetime) -> HeldRemovals:
    """Describe what is held, so that an operator can decide."""
    return HeldRemovals(
        count=len(found),
        there=there,
        projects=sorted({one.project_id for one in found})[:NAMED],
        cronjobs=sorted(one.name for one in found)[:NAMED],
        since=now,
    )
