"""Starts a run only where no other run of its job is open: at once or not at all, or when those before it have ended.

What is open comes from three places. The index of open runs has each run some moments after it was written. The
cluster has each Job that is there now, also those of slots that no pass has seen yet. The run that has the turn is read
as it is now. A run starts in the transaction that gives it the turn, so of two that see no other only one does.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from jobs_api import store
from jobs_api.cluster import Cluster
from jobs_api.errors import ChangedMeanwhile, RunInProgress
from jobs_api.k8s import labels, run_identity
from jobs_api.k8s.observed import observe
from jobs_api.model.audit import StoredEntry
from jobs_api.model.document import rfc3339
from jobs_api.model.run import Run
from jobs_api.store import turns
from jobs_api.trigger.waiting import goes_first

ATTEMPTS: Final = 5
_HINT: Final = "with on_overlap: wait a run starts when those before it have ended"


@dataclass(frozen=True)
class Overlap:
    """The runs of a job that are open beside a requested one.

    Args:
        holder: the run that has the turn, open or ended.
        itself: the run that is asked for, where the tables have it.
        others: those that the tables have, in their order.
        unknown: ids of runs whose Jobs are in the cluster, and that no pass has seen yet.
    """

    holder: str | None
    itself: Run | None
    others: list[Run]
    unknown: list[str]


def jobs_going(run: Run, cluster: Cluster) -> set[str]:
    """Return the ids of the runs of a run's job whose Jobs have not finished, as the API server stores them now.

    Raises what the cluster raises. One list.
    """
    selector = labels.unsettled_selector({labels.ORGANIZATION: run.organization_id, labels.JOB_ID: run.job_id})
    jobs = (job for page in cluster.list_jobs(run.namespace, selector) for job in page if run_identity.is_run(job))
    return {seen.run_id for seen in map(observe, jobs) if not seen.finished}


def create_alone(run: Run, entry: StoredEntry, going: Collection[str]) -> bool:
    """Write a new run if no other run of its job is open; return False if it exists already.

    Args:
        run: pending, with its manifest.
        entry: who asked for it.
        going: from `jobs_going`; nothing where the cluster cannot be asked, and the tables decide alone.

    Raises:
        RunInProgress: another run is open; its text names that run.
        ChangedMeanwhile: others took the turn in every try, and have ended already.
    """
    for _ in range(ATTEMPTS):
        found = overlap_of(run, going)
        if found.itself:
            return False
        if found.others or found.unknown:
            raise RunInProgress(_in_progress(found))
        try:
            return turns.create_run_in_turn(run, entry, found.holder)
        except (turns.TurnLost, ChangedMeanwhile):
            continue
    raise ChangedMeanwhile("Other runs of this job start at the same moment; try again")


def admit(run: Run, going: Collection[str], now: datetime, ended: Collection[str] = ()) -> bool:
    """Let a waiting run start if none goes before it; return whether it may be launched.

    Args:
        run: as it was read a while ago.
        going: from `jobs_going`.
        now: aware.
        ended: ids of runs of the job that ended just now; each may have a next attempt that no index has yet.
    """
    overlap = overlap_of(run, [*going, *ended])
    itself = overlap.itself
    if itself is None or itself.status.ended or itself.launch is None:
        return False
    if not itself.waits:
        return True
    if overlap.unknown or any(goes_first(other, itself) for other in overlap.others):
        return False
    return turns.admit_run(itself, overlap.holder, now)


def overlap_of(run: Run, ids: Collection[str]) -> Overlap:
    """Return which runs of a run's job are open, these among them. One GetItem, one Query and one BatchGetItem.

    The turn is read first: a run that takes it after that makes this one lose it.
    """
    holder = turns.holder_of_turn(run.organization_id, run.project_id, run.job_id)
    listed = {one.id for one in store.open_runs_of_job(run.organization_id, run.job_id)}
    known = _with_next_attempts(run, {run.id, *ids, *listed, *([holder] if holder else [])})
    others = [one for one in known.values() if one.id != run.id and not one.status.ended]
    return Overlap(
        holder=holder,
        itself=known.get(run.id),
        others=sorted(others, key=lambda one: (one.created_at, one.id)),
        unknown=sorted(set(ids) - known.keys()),
    )


def _with_next_attempts(run: Run, ids: set[str]) -> dict[str, Run]:
    """Return runs as they are stored now, and the attempts after them, which no index may have yet."""
    known: dict[str, Run] = {}
    while ids:
        found = store.find_runs(run.organization_id, ids)
        known |= found
        ids = {one.retried_as for one in found.values() if one.retried_as} - known.keys()
    return known


def _in_progress(found: Overlap) -> str:
    if not found.others:
        return f"Run {found.unknown[0]} of this job has just started, so nothing else was started; {_HINT}"
    first = found.others[0]
    since = rfc3339(first.start_time or first.created_at)
    return f"Run {first.id} of this job is {first.status} since {since}, so nothing was started; {_HINT}"
