"""Reads a record of a table's stream: the item before and after the write, as this service knows it.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_StreamRecord.html
"""

from collections.abc import Mapping
from typing import Any

from jobs_api.model.item_images import Images, StoredJob
from jobs_api.model.run import Run
from jobs_api.store.project_rows import JOB, JobRow, ProjectsRow
from jobs_api.store.run_items import run_of
from jobs_api.store.run_rows import RunRow

type Image = Mapping[str, Mapping[str, Any]]


def run_images(record: Mapping[str, Any]) -> Images[Run]:
    """Read a record of the runs' stream; raises KeyError, TypeError or ValueError where it is not about a run."""
    return Images(*(run_of(RunRow.from_raw_data(dict(image))) if image else None for image in _pair(record)))


def job_images(record: Mapping[str, Any]) -> Images[StoredJob]:
    """Read a record of the projects' stream; an item that is not a job counts as not there."""
    return Images(*(_job_of(image) if image else None for image in _pair(record)))


def _pair(record: Mapping[str, Any]) -> tuple[Image | None, Image | None]:
    change = record["dynamodb"]
    return change.get("OldImage"), change.get("NewImage")


def _job_of(image: Image) -> StoredJob | None:
    row = ProjectsRow.from_raw_data(dict(image))
    # The record of a deleted job has a row of another class, which is a subclass of this one.
    if type(row) is not JobRow:
        return None
    organization_id, _, project_id = row.partition.partition("/")
    return StoredJob(
        organization_id=organization_id,
        project_id=project_id,
        id=row.sort.removeprefix(JOB),
        name=row.settings["name"],
        version=int(row.version),
        updated_at=row.updated_at,
        values={**row.settings, "webhook": row.values(["webhook"])["webhook"]},
    )
