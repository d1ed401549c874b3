"""Which CronJobs that no job wants may be removed: those of which the tables know why, and few others at once.

Tables that know nothing of what is in a cluster are more likely the wrong ones, empty, or restored to an earlier time
than right. So what they have no record of is removed only where it is a small part; otherwise an operator confirms.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from jobs_api.model.organization import HeldRemovals, RemovalConfirmation
from jobs_api.model.project_record import ProjectRecord
from jobs_api.sync.reconcile import Delete

# One in so many of an organization's CronJobs may go without a record of why.
UNKNOWN_IN: Final = 10
NAMED: Final = 20


class Standing(StrEnum):
    """What the tables say of a CronJob that no job wants: why that is so, nothing, or not even that it is ours."""

    KNOWN = "known"
    UNKNOWN = "unknown"
    STRANGER = "stranger"


@dataclass(frozen=True)
class RemovalVerdict:
    """Orphans by what is to become of them: removed, held until an operator confirms, or left to whoever made them.

    `there` is how many CronJobs of this deployment there are, `unknown` of how many the tables do not know why.
    """

    removed: Sequence[Delete] = ()
    held: Sequence[Delete] = ()
    strangers: Sequence[Delete] = ()
    there: int = 0
    unknown: int = 0


def standing(orphan: Delete, record: ProjectRecord, *, closed: bool = False) -> Standing:
    """Tell how an orphan stands.

    Args:
        orphan: a CronJob that no job wants.
        record: of the project that it says it belongs to.
        closed: whether its organization is being deleted: an operator said that nothing of it is to stay.
    """
    # One without a mark was made by whoever knows its job.
    if not orphan.marked and not record.knows_job(orphan.job_id):
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
    """Decide what becomes of an organization's orphans.

    Args:
        orphans: each with how it stands.
        there: how many CronJobs are this deployment's, orphans without a mark left out.
        confirmation: the last one of an operator.
        now: aware.
        whole: whether these are all that the organization has; of a part of them the unknown ones are all held.
    """
    found: dict[Standing, list[Delete]] = {one: [] for one in Standing}
    for orphan, stands in orphans:
        found[stands].append(orphan)
    known, unknown = found[Standing.KNOWN], found[Standing.UNKNOWN]
    there += sum(not orphan.marked for orphan in (*known, *unknown))
    kept = held(unknown, there, confirmation, now) if whole else unknown
    stay = set(kept)
    removed = [*known, *(orphan for orphan in unknown if orphan not in stay)]
    return RemovalVerdict(removed, kept, found[Standing.STRANGER], there, len(unknown))


def can_explain(orphan: Delete, record: ProjectRecord) -> bool:
    """Tell whether the tables know why no job wants a CronJob.

    Its project or its job was deleted; or its project is undeployed, or its job renamed, by a version that is at least
    the CronJob's own. Tables with older versions are from before it was made: they tell what was, not what should be.
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
    """Return those of the CronJobs of which the tables know nothing that must stay until an operator confirms.

    Args:
        unknown: CronJobs that no job wants and of which the tables do not know why.
        there: how many CronJobs of this deployment the organization has in its cluster, these included.
        confirmation: the last one of an operator.
        now: aware.
    """
    rest = list(unknown)
    if confirmation:
        others = [one for one in unknown if not confirmation.covers(one.project_id, now)]
        if len(unknown) - len(others) <= confirmation.at_most:
            rest = others
    return rest if len(rest) * UNKNOWN_IN > there else []


def described(found: Sequence[Delete], there: int, now: datetime) -> HeldRemovals:
    """Describe what is held, for an operator to judge."""
    return HeldRemovals(
        count=len(found),
        there=there,
        projects=sorted({one.project_id for one in found})[:NAMED],
        cronjobs=sorted(one.name for one in found)[:NAMED],
        since=now,
    )
