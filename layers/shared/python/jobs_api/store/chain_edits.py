"""Writes a job's chain in the transaction that creates or changes the job; `store.chain_checks` decides about it.

A job's row has the ids of its followers. So the end of a run finds them with one read, a job that is followed cannot
be deleted unnoticed, and the condition that the row exists is the proof that the predecessor does.

A cycle is found in the jobs as they were read. So that two changes at once cannot close one together, a project
counts the changes of `run_after`, and the change of a job that has followers requires the count from before the jobs
were read. A job without followers is part of no cycle; its change requires that it has none.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass

from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite

from jobs_api.model.job import Job
from jobs_api.store.project_rows import JOB, META, JobRow, ProjectRow
from jobs_api.store.projects import partition_of


@dataclass(frozen=True)
class ChainEdit:
    """The predecessors that a job begins and ceases to follow.

    `edit_count` is the project's count when its jobs were read, None where the job has no followers.
    """

    added: Sequence[str] = ()
    removed: Sequence[str] = ()
    edit_count: int | None = None

    @classmethod
    def between(cls, before: Job, after: Job, jobs: Container[str], edit_count: int) -> "ChainEdit":
        """Return the change of a job's predecessors.

        Args:
            before: the job as it is stored.
            after: as it is to be.
            jobs: the ids of the project's jobs; one that was deleted has no followers any more.
            edit_count: the project's count, from before its jobs were read.
        """
        old, new = before.predecessor_ids, after.predecessor_ids
        return cls(
            added=[one for one in new if one not in old],
            removed=[one for one in old if one not in new and one in jobs],
            edit_count=edit_count if before.followers else None,
        )

    @property
    def own_condition(self) -> Condition:
        """The condition on the row of the changed job itself."""
        needs_none = self.added and self.edit_count is None
        return JobRow.followers.does_not_exist() if needs_none else JobRow.partition.exists()


NO_EDIT = ChainEdit()


def add_to(transaction: TransactWrite, job: Job, edit: ChainEdit) -> None:
    """Write the followers of each predecessor."""
    partition = partition_of(job.organization_id, job.project_id)
    followed = [(one, JobRow.followers.add({job.id})) for one in edit.added]
    unfollowed = [(one, JobRow.followers.delete({job.id})) for one in edit.removed]
    for one, action in (*followed, *unfollowed):
        transaction.update(JobRow(partition, JOB + one), actions=[action], condition=JobRow.partition.exists())


def count_in(transaction: TransactWrite, job: Job, edit: ChainEdit) -> None:
    """Count the change in its project; a new job needs none, since nobody follows it."""
    if not edit.added:
        return
    unchanged: Condition = ProjectRow.partition.exists()
    if edit.edit_count:
        unchanged = ProjectRow.chain_edits == edit.edit_count
    elif edit.edit_count == 0:
        unchanged &= ProjectRow.chain_edits.does_not_exist()
    row = ProjectRow(partition_of(job.organization_id, job.project_id), META)
    transaction.update(row, actions=[ProjectRow.chain_edits.add(1)], condition=unchanged)
