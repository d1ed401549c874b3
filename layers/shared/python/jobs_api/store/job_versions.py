"""The versions of jobs: each sync of everything reads thousands of them, so this reads rows without the models."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from jobs_api.model.job_sync import JobVersion, SyncState
from jobs_api.store import sync_results
from jobs_api.store.project_rows import JOB, JobRow, ProjectsRow
from jobs_api.store.projects import partition_of

READ = (JobRow.sort, JobRow.cronjob_name, JobRow.version, JobRow.synced, JobRow.matched)
ATTRIBUTES = [attribute.attr_name for attribute in READ]


def list_job_versions(organization_id: str, project_id: str) -> Iterator[JobVersion]:
    """Yield the versions of a project's jobs; none if there is no such project. One Query."""
    table = ProjectsRow._get_connection()  # noqa: SLF001 - the way to rows as they are that PynamoDB's own models take
    begin: Any = None
    while True:
        page = table.query(
            partition_of(organization_id, project_id),
            range_key_condition=ProjectsRow.sort.startswith(JOB),
            attributes_to_get=ATTRIBUTES,
            consistent_read=True,
            exclusive_start_key=begin,
        )
        yield from map(_version_of, page["Items"])
        begin = page.get("LastEvaluatedKey")
        if not begin:
            return


def _version_of(row: dict[str, dict[str, str]]) -> JobVersion:
    matched = json.loads(row["matched"]["S"]) if "matched" in row else None
    synced = sync_results.put_together(json.loads(row["synced"]["S"]), matched) if "synced" in row else {}
    return JobVersion(
        id=row["sk"]["S"].removeprefix(JOB),
        cronjob_name=row["cronjob_name"]["S"],
        version=int(row["version"]["N"]),
        synced_as=synced["version"] if synced.get("state") == SyncState.SYNCED else None,
        fingerprint=synced.get("fingerprint"),
        right_until=datetime.fromisoformat(until) if (until := synced.get("right_until")) else None,
    )
