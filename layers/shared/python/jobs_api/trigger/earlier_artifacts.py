"""The artifacts of earlier runs: those of the last success, and those that a job's own last run left.

The last success is known. The last run is found by looking at a job's newest runs: a Query, and a GetObject for each.
"""

from datetime import datetime
from typing import Final

from jobs_api import store
from jobs_api.logs import artifacts
from jobs_api.logs.artifacts import Bundle, BundleKey
from jobs_api.model.latest_files import newest_with
from jobs_api.model.project import Project
from jobs_api.store import latest_artifacts

# How far back runs are searched for artifacts that dbt's `retry` may continue.
RUNS_LOOKED_AT: Final = 25


def last_success(project: Project, job_id: str | None, path: str, now: datetime) -> Bundle | None:
    """Return the last success of a project, or of one of its jobs, that stored a file, with all that it stored.

    None where none did, or where the file is not kept any more. One GetItem, and a GetObject for its list.
    """
    known = latest_artifacts.latest_files(project.organization_id, project.id, job_id)
    newest = newest_with(known, path, now, store.kept_for())
    if newest is None:
        return None
    key = BundleKey(project.organization_id, project.id, newest.run_id, newest.pod_name)
    found = artifacts.stored_bundle(key)
    return found if found and path in found.paths else None


def last_run(project: Project, job_id: str, but: str, paths: frozenset[str]) -> Bundle | None:
    """Return the last run of a job that stored these artifacts, however it ended; `but` is the run that asks."""
    wanted = store.RunFilter(job_id=job_id)
    runs, _ = store.list_runs(project.organization_id, project.id, wanted, limit=RUNS_LOOKED_AT, before=None)
    bundles = (artifacts.stored_bundle(BundleKey.of(run)) for run in runs if run.status.ended and run.id != but)
    return next((bundle for bundle in bundles if bundle and bundle.has(paths)), None)
