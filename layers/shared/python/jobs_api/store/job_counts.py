"""The number of jobs of a project: an attribute of the project's item, changed in the transaction of each job.

For projects from before this attribute, the jobs are counted before the next job is created or deleted.
"""

from collections.abc import Callable
from typing import Final

from pynamodb.exceptions import UpdateError
from pynamodb.transactions import TransactWrite

from jobs_api.errors import ChangedMeanwhile, ProjectNotFound, TooManyJobs
from jobs_api.model.project import MOST_JOBS
from jobs_api.store.conditions import was_refused
from jobs_api.store.project_rows import JOB, META, ProjectRow, ProjectsRow
from jobs_api.store.projects import partition_of
from jobs_api.store.transactions import ConditionFailed, write_all

ATTEMPTS: Final = 3


def write_with_one_more(organization_id: str, project_id: str, fill: Callable[[TransactWrite], None]) -> None:
    """Write a transaction that creates a job, and count the job.

    Raises:
        ConditionFailed: a condition of `fill` is false.
        ProjectNotFound: the project was deleted.
        TooManyJobs: the project has the greatest number of jobs.
    """
    row = ProjectRow(partition_of(organization_id, project_id), META)
    room = ProjectRow.job_count < MOST_JOBS

    def fill_all(transaction: TransactWrite) -> None:
        fill(transaction)
        transaction.update(row, actions=[ProjectRow.job_count.add(1)], condition=room)

    _write_counted(organization_id, project_id, fill_all)


def write_with_one_less(organization_id: str, project_id: str, fill: Callable[[TransactWrite], None]) -> None:
    """Write a transaction that removes a job, and count that; raises ConditionFailed, ProjectNotFound as above."""
    row = ProjectRow(partition_of(organization_id, project_id), META)

    def fill_all(transaction: TransactWrite) -> None:
        fill(transaction)
        transaction.update(row, actions=[ProjectRow.job_count.add(-1)], condition=ProjectRow.job_count.exists())

    _write_counted(organization_id, project_id, fill_all)


def _write_counted(organization_id: str, project_id: str, fill: Callable[[TransactWrite], None]) -> None:
    """Write a transaction; if only the condition on the count fails, count the jobs and try again, or raise why."""
    for _ in range(ATTEMPTS):
        try:
            write_all(fill)
        except ConditionFailed as error:
            # PynamoDB sends updates last, in the order in which they were added: the project's is the last of all.
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
    """Return how many jobs a project has, None if they were never counted; raises ProjectNotFound."""
    try:
        row = ProjectsRow.get(partition_of(organization_id, project_id), META, consistent_read=True)
    except ProjectsRow.DoesNotExist as error:
        raise ProjectNotFound(project_id) from error
    known = row.job_count if isinstance(row, ProjectRow) else None
    return None if known is None else int(known)


def _note_count(organization_id: str, project_id: str) -> None:
    """Count the jobs of a project and store the number.

    Until this is done no job of the project is created or deleted; if two processes count at once, the first one's
    number stays.
    """
    partition = partition_of(organization_id, project_id)
    count = ProjectsRow.count(partition, ProjectsRow.sort.startswith(JOB), consistent_read=True)
    unknown = ProjectRow.partition.exists() & ProjectRow.job_count.does_not_exist()
    try:
        ProjectRow(partition, META).update(actions=[ProjectRow.job_count.set(count)], condition=unknown)
    except UpdateError as error:
        if not was_refused(error):
            raise
