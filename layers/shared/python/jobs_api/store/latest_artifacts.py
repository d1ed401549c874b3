"""The artifacts of the last success of each job and project: one item each, moved by the write that ends a run."""

import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite

from jobs_api.errors import ChangedMeanwhile
from jobs_api.model.latest_files import LatestFiles, with_files
from jobs_api.model.run import Run, RunStatus
from jobs_api.store.project_rows import LatestArtifactsRow, ProjectsRow
from jobs_api.store.projects import ID, partition_of
from jobs_api.store.run_items import kept_for
from jobs_api.store.transactions import ConditionFailed, write_all

# How often other ends of the same project may be written first; each conflict means that one of them was.
TRIES: Final = 8
# The key of the entries for the whole project, which differs from every job's id.
_OF_PROJECT: Final = "project"
_LOCKS: Final = [threading.Lock() for _ in range(64)]


@dataclass(frozen=True)
class StoredFiles:
    """A success, and the files that it stored; `kept` is for how long."""

    run: Run
    paths: list[str]
    kept: timedelta

    @property
    def latest(self) -> LatestFiles:
        """Return what is written of it."""
        run = self.run
        return LatestFiles(
            run_id=run.id, pod_name=run.pod_name or "", ended_at=run.end_time or run.updated_at, paths=self.paths
        )


def files_of(run: Run, paths: list[str]) -> StoredFiles | None:
    """Return what a success stored; None of other runs, and where it stored nothing."""
    if run.status is not RunStatus.SUCCESS or not paths:
        return None
    return StoredFiles(run, paths, kept_for())


def latest_files(organization_id: str, project_id: str, job_id: str | None = None) -> list[LatestFiles]:
    """Return the newest files of a project's successes, or of one job's; none where none stored any. One GetItem."""
    if job_id is not None and not ID.fullmatch(job_id):
        return []
    try:
        row = ProjectsRow.get(_partition(organization_id, project_id), job_id or _OF_PROJECT, consistent_read=True)
    except ProjectsRow.DoesNotExist:
        return []
    return _files(row)


def write_with_latest(files: StoredFiles, end: Callable[[TransactWrite], None]) -> bool:
    """Write the end of a successful run, and that its files are the newest ones of its job and project.

    One BatchGetItem of 2 and one transaction, both again where the end of another run comes first. False, and nothing
    written, if a condition of the end is false. Raises ChangedMeanwhile where others came first in every try.
    """
    with _one_at_a_time(files.run):
        for _ in range(TRIES):
            rows = _moved(files)

            def fill(transaction: TransactWrite, rows: list[LatestArtifactsRow] = rows) -> None:
                for row in rows:
                    transaction.save(row, condition=_is_unchanged(row))
                end(transaction)

            try:
                write_all(fill)
            except ConditionFailed as error:
                if not error.at <= {*range(len(rows))}:
                    return False
            else:
                return True
    raise ChangedMeanwhile("Other runs of the project end all the time; try again")


def purge_latest(organization_id: str, project_id: str) -> None:
    """Remove what is known of the newest files of a project."""
    rows = ProjectsRow.query(_partition(organization_id, project_id), consistent_read=True)
    with ProjectsRow.batch_write() as batch:
        for row in rows:
            batch.delete(row)


def _moved(files: StoredFiles) -> list[LatestArtifactsRow]:
    """Return the items of the run's job and project as they are to be, one version later."""
    run, partition = files.run, _partition(files.run.organization_id, files.run.project_id)
    keys = [(partition, _OF_PROJECT), (partition, run.job_id)]
    known = {row.sort: row for row in ProjectsRow.batch_get(keys, consistent_read=True)}
    rows = []
    for _, sort in keys:
        row = known.get(sort)
        old = row if isinstance(row, LatestArtifactsRow) else None
        found = with_files(_files(old), files.latest, files.kept)
        rows.append(
            LatestArtifactsRow(
                partition,
                sort,
                files=[one.model_dump(mode="json") for one in found],
                version=int(old.version) + 1 if old else 1,
                # The row expires no earlier than the run's own row; earlier files have expired by then.
                expires_at=max(int(run.expires_at(files.kept).timestamp()), int(old.expires_at) if old else 0),
            )
        )
    return rows


def _is_unchanged(row: LatestArtifactsRow) -> Condition:
    version = LatestArtifactsRow.version
    unchanged: Condition = version.does_not_exist() if row.version == 1 else version == row.version - 1
    return unchanged


def _files(row: ProjectsRow | None) -> list[LatestFiles]:
    stored = row.files if isinstance(row, LatestArtifactsRow) else []
    # Without a Pod's name it is from when each file was an object, which nothing reads any more.
    return [LatestFiles.model_validate(one) for one in stored if "pod_name" in one]


def _one_at_a_time(run: Run) -> threading.Lock:
    """Return a lock: DynamoDB cancels one of two transactions on an item, so one process makes them in turn."""
    return _LOCKS[zlib.crc32(run.project_id.encode()) % len(_LOCKS)]


def _partition(organization_id: str, project_id: str) -> str:
    # Not the project's partition, which a deletion of the project reads as a whole.
    return f"{partition_of(organization_id, project_id)}/latest"
