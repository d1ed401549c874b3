"""How many jobs a project has: a number on the project's item, which changes in the transaction of each job.

Projects from before there was such a number get it from a count, before the next of their jobs is made or deleted.
"""

from collections.abc import Callable
from typing import Final

from pynamodb.exceptions import UpdateError
from pynamodb.transactions import TransactWrite

from jobs_api.errors import ChangedMeanwhile, ProjectNotFound, TooManyJobs
from jobs_api.store.conditions import was_refused
from jobs_api.store.projects import partition_of
from jobs_api.store.tables import JOB, META, ProjectRow, ProjectsRow
from jobs_api.store.transactions import ConditionFailed, write_all

# A list reads them all, 2 MB where they are ordinary ones, and each tick of a sync their versions.
MOST_JOBS: Final = 2_000
ATTEMPTS: Final = 3


def write_with_one_more(organization_id: str, project_id: str, fill: Callable[[TransactWrite], None]) -> None:
    """Write a transaction that makes a job, and count it.

    Raises:
        ConditionFailed: a condition of `fill` does not hold.
        ProjectNotFound: the project is gone.
        TooManyJobs: it has as many as it may have.
    """
    row = ProjectRow(partition_of(organization_id, project_id), META)
    room = ProjectRow.job_count < MOST_JOBS

    def fill_all(transaction: TransactWrite) -> None:
        fill(transaction)
        transaction.update(row, actions=[ProjectRow.job_count.add(1)], condition=room)

    _write_counted(organization_id, project_id, fill_all)


def write_with_one_less(organization_id: str, project_id: str, fill: Callable[[TransactWrite], None]) -> None:
    """Write a transaction that removes a job, and count it; raises ConditionFailed, ProjectNotFound as above."""
    row = ProjectRow(partition_of(organization_id, project_id), META)

    def fill_all(transaction: TransactWrite) -> None:
        fill(transaction)
        transaction.update(row, actions=[ProjectRow.job_count.add(-1)], condition=ProjectRow.job_count.exists())

    _write_counted(organization_id, project_id, fill_all)


def _write_counted(organization_id: str, project_id: str, fill: Callable[[TransactWrite], None]) -> None:
    """Write a transaction; where it fails over the project's count alone, count first or say why."""
    for _ in range(ATTEMPTS):
        try:
            write_all(fill)
        except ConditionFailed as error:
            # PynamoDB sends updates last, and the project's is the only one.
            if error.at != {error.writes - 1}:
                raise
            count = _count_of(organization_id, project_id)
            if count is None:
                _note_count(organization_id, project_id)
            elif count >= MOST_JOBS:
                told = f"The project has {count:,} jobs, and may have {MOST_JOBS:,}; delete one first"
                raise TooManyJobs(told) from error
        else:
            return
    raise ChangedMeanwhile("Somebody else is changing the same project; try again")


def _count_of(organization_id: str, project_id: str) -> int | None:
    """Return how many jobs a project has, None where that is not known; raises ProjectNotFound."""
    try:
        row = ProjectsRow.get(partition_of(organization_id, project_id), META, consistent_read=True)
    except ProjectsRow.DoesNotExist as error:
        raise ProjectNotFound(project_id) from error
    known = row.job_count if isinstance(row, ProjectRow) else None
    return None if known is None else int(known)


def _note_count(organization_id: str, project_id: str) -> None:
    """Count the jobs of a project and write that down.

    Until that is done no job of it is made or deleted; of two who count at once, the first is believed.
    """
    partition = partition_of(organization_id, project_id)
    count = ProjectsRow.count(partition, ProjectsRow.sort.startswith(JOB), consistent_read=True)
    unknown = ProjectRow.partition.exists() & ProjectRow.job_count.does_not_exist()
    try:
        ProjectRow(partition, META).update(actions=[ProjectRow.job_count.set(count)], condition=unknown)
    except UpdateError as error:
        if not was_refused(error):
            raise
