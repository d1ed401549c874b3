"""Adds runs that ended before the index `ended_runs` existed to that index.

Only operators do this, so no function loads it. After an interruption it continues; repeated, it changes nothing.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from pynamodb.exceptions import UpdateError

from jobs_api.model.run import ENDED_STATUSES, RunStatus
from jobs_api.store.conditions import was_refused
from jobs_api.store.project_rows import META, ProjectRow
from jobs_api.store.projects import partition_of
from jobs_api.store.rows import TABLE_CONNECTIONS
from jobs_api.store.run_rows import RunRow, ended_in

_ENDED = [status.value for status in ENDED_STATUSES]


def index_runs(organization_id: str, project_id: str) -> int:
    """Write the index's key to a project's ended runs that lack it, and record that all have it.

    Return how many lacked it. Run this only when every function writes the key itself.
    """
    lacking = RunRow.by_project.query(
        project_id,
        filter_condition=(RunRow.organization_id == organization_id)
        & RunRow.ended_in.does_not_exist()
        & RunRow.status.is_in(*_ENDED),
        attributes_to_get=["run_id", "status"],
    )
    with ThreadPoolExecutor(TABLE_CONNECTIONS) as pool:
        indexed = sum(pool.map(_indexer(project_id), lacking))
    ProjectRow(partition_of(organization_id, project_id), META).update(
        actions=[ProjectRow.runs_indexed.set(True)], condition=ProjectRow.partition.exists()
    )
    return indexed


def _indexer(project_id: str) -> Callable[[RunRow], bool]:
    def index(row: RunRow) -> bool:
        key = ended_in(project_id, RunStatus(row.status))
        try:
            RunRow(row.run_id).update(actions=[RunRow.ended_in.set(key)], condition=RunRow.status == row.status)
        except UpdateError as error:
            # The item had expired, and DynamoDB has removed it.
            if not was_refused(error):
                raise
            return False
        return True

    return index
