"""The names of projects and jobs, many at once, for callers that only have their ids."""

from collections.abc import Iterable

from jobs_api.model.item_images import JobAddress, SubjectNames
from jobs_api.store.project_rows import JOB, META, JobRow, ProjectRow, ProjectsRow
from jobs_api.store.projects import partition_of


def names_of(addresses: Iterable[JobAddress]) -> dict[JobAddress, SubjectNames]:
    """Return the names of these jobs and of their projects. One BatchGetItem per 100 rows, eventually consistent."""
    asked = set(addresses)
    partitions = {address: partition_of(*address[:2]) for address in asked}
    keys = {(partition, sort) for address, partition in partitions.items() for sort in (META, JOB + address[2])}
    rows = ProjectsRow.batch_get(list(keys)) if keys else []
    names = {(row.partition, row.sort): row.settings["name"] for row in rows if isinstance(row, ProjectRow | JobRow)}
    return {
        address: (names.get((partition, META)), names.get((partition, JOB + address[2])))
        for address, partition in partitions.items()
    }
