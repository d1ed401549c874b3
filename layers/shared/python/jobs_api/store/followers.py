"""The followers of jobs whose runs have ended: marked on the run with its end, then counted one by one.

A mark is removed in the transaction that counts the end for that follower, and creates the follower's run where the
end completes its set. So an end counts once for each follower, however many processes see it and wherever one dies.
Until no mark is left, the run stays in the index of open runs, which every pass reads.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from pynamodb.exceptions import UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite

from jobs_api.model.chains import CountedEnds, Predecessor, SkippedFollower
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.model.run import Run, TriggeredBy
from jobs_api.model.slots import is_miss
from jobs_api.store.attributes import time_text
from jobs_api.store.conditions import was_refused
from jobs_api.store.job_items import counted_ends_of, job_of
from jobs_api.store.project_rows import DELETED_JOB, JOB, META, DeletedJobRow, JobRow, ProjectRow, ProjectsRow
from jobs_api.store.projects import partition_of, project_of
from jobs_api.store.run_items import new_row, run_of
from jobs_api.store.run_rows import RunRow
from jobs_api.store.transactions import ConditionFailed, try_write_all, write_all

# The newest runs may all be misses; then none of them is a run of the command.
MOST_READ: Final = 1_000
# Mostly the newest run is no miss.
FIRST_READ: Final = 20


@dataclass(frozen=True)
class Follower:
    """A job that runs after others, with its project; `job` is None where it was deleted since."""

    id: str
    project: Project
    job: Job | None
    created_at: datetime
    run_after: list[Predecessor]
    counted_ends: CountedEnds


@dataclass(frozen=True)
class FollowerOutcome:
    """The effect of a run's end on a follower: the ends to keep, the run that it starts, or why it starts none."""

    ends: CountedEnds = field(default_factory=dict)
    started: Run | None = None
    skipped: SkippedFollower | None = None


def with_followers(run: Run) -> Run:
    """Return a run that is about to be written as ended, with a mark for each follower of its job. One GetItem.

    A run that is retried is no end, and a miss is none: nothing ran.
    """
    if not run.status.ends_for_followers or run.retried_as or is_miss(run):
        return run
    partition = partition_of(run.organization_id, run.project_id)
    try:
        row = JobRow.get(partition, JOB + run.job_id, consistent_read=True, attributes_to_get=["kind", "followers"])
    except JobRow.DoesNotExist:
        return run
    followers = row.values(["followers"])["followers"]
    return run.model_copy(update={"followers_left": sorted(followers)}) if followers else run


def find_follower(run: Run, follower_id: str) -> Follower | None:
    """Return a follower as it is now; None where its project or all that is known of it is gone. One BatchGetItem."""
    partition = partition_of(run.organization_id, run.project_id)
    keys = [(partition, sort) for sort in (META, JOB + follower_id, DELETED_JOB + follower_id)]
    rows = {row.sort: row for row in ProjectsRow.batch_get(keys, consistent_read=True)}
    found = rows.get(META)
    if not isinstance(found, ProjectRow):
        return None
    project = project_of(found, run.organization_id)
    if JOB + follower_id in rows:
        job = job_of(rows[JOB + follower_id], project)
        return Follower(job.id, project, job, job.created_at, job.settings.predecessors, job.counted_ends)
    row = rows.get(DELETED_JOB + follower_id)
    if not isinstance(row, DeletedJobRow) or not row.run_after:
        return None
    run_after = [Predecessor.known(**one) for one in row.run_after]
    return Follower(follower_id, project, None, row.created_at, run_after, counted_ends_of(row.counted_ends))


def last_run_at(organization_id: str, job_id: str, until: datetime) -> datetime | None:
    """Return when the last run of a follower until then was made; None where its predecessors started it, or none did.

    One Query of the index, which may lag by a moment; misses are no runs.
    """
    rows = RunRow.by_job.query(
        job_id,
        range_key_condition=RunRow.position <= f"{time_text(until)}~",
        filter_condition=RunRow.organization_id == organization_id,
        scan_index_forward=False,
        limit=MOST_READ,
        page_size=FIRST_READ,
    )
    for run in map(run_of, rows):
        if not is_miss(run):
            return None if run.triggered_by is TriggeredBy.CHAINED else run.created_at
    return None


def record_outcome(
    run: Run, follower_id: str, follower: Follower | None, outcome: FollowerOutcome, now: datetime
) -> bool:
    """Remove a follower's mark from a run, and write with it what the end means for the follower. One transaction.

    Return False, and write nothing, where the mark or the follower has changed since they were read. Where the
    follower's run exists, as in tables that were restored by hand, only the rest is written.
    """
    counts = follower and (outcome.started or outcome.skipped or outcome.ends != follower.counted_ends)

    def fill(transaction: TransactWrite) -> None:
        _remove_mark(transaction, run, follower_id, outcome, now)
        if follower and counts:
            _write_ends(transaction, run, follower, outcome.ends)

    def fill_all(transaction: TransactWrite) -> None:
        if outcome.started:
            transaction.save(new_row(outcome.started), condition=RunRow.run_id.does_not_exist())
        fill(transaction)

    try:
        write_all(fill_all)
    except ConditionFailed as error:
        return bool(outcome.started) and error.at == {0} and try_write_all(fill)
    return True


def cease_to_follow(run: Run, follower_id: str) -> None:
    """Remove a deleted job from the followers of a run's job. One UpdateItem."""
    row = JobRow(partition_of(run.organization_id, run.project_id), JOB + run.job_id)
    try:
        row.update(actions=[JobRow.followers.delete({follower_id})], condition=JobRow.partition.exists())
    except UpdateError as error:
        if not was_refused(error):
            raise


def finish(run: Run) -> None:
    """Take a run without marks out of the index of open runs. One UpdateItem."""
    try:
        RunRow(run.id).update(actions=[RunRow.open_in.remove()], condition=RunRow.followers_left.does_not_exist())
    except UpdateError as error:
        if not was_refused(error):
            raise


def _remove_mark(
    transaction: TransactWrite, run: Run, follower_id: str, outcome: FollowerOutcome, now: datetime
) -> None:
    marked: Condition = RunRow.followers_left.contains(follower_id)
    actions: list[Any] = [RunRow.followers_left.delete({follower_id})]
    if run.followers_left == [follower_id]:
        marked = RunRow.followers_left == {follower_id}
        actions = [RunRow.followers_left.remove(), RunRow.open_in.remove()]
    if outcome.started:
        actions.append(RunRow.caused_runs.add({outcome.started.id}))
    if outcome.skipped:
        known = [one.model_dump(mode="json") for one in run.skipped or ()]
        marked &= RunRow.skipped == known if known else RunRow.skipped.does_not_exist()
        told = [*known, outcome.skipped.model_dump(mode="json")]
        actions += [RunRow.skipped.set(told), RunRow.updated_at.set(now)]
    transaction.update(RunRow(run.id), actions=actions, condition=marked)


def _write_ends(transaction: TransactWrite, run: Run, follower: Follower, ends: CountedEnds) -> None:
    partition = partition_of(run.organization_id, run.project_id)
    kind: type[JobRow | DeletedJobRow] = JobRow if follower.job else DeletedJobRow
    known, after = _stored(follower.counted_ends), _stored(ends)
    unchanged = kind.counted_ends == known if known else kind.counted_ends.does_not_exist() & kind.partition.exists()
    if follower.job:
        unchanged &= JobRow.version == follower.job.version
    action = kind.counted_ends.set(after) if after else kind.counted_ends.remove()
    sort = (JOB if follower.job else DELETED_JOB) + follower.id
    transaction.update(kind(partition, sort), actions=[action], condition=unchanged)


def _stored(ends: CountedEnds) -> dict[str, Any]:
    return {job_id: one.model_dump(mode="json") for job_id, one in ends.items()}
