"""The artifacts of earlier runs: those of the last success, and those that a job's own last run left.

They are found by looking at the newest ended runs, which costs a Query and a GetObject for each run looked at.
"""

from collections.abc import Callable, Iterator
from typing import Final

from jobs_api import store
from jobs_api.logs import artifacts
from jobs_api.logs.artifacts import RunKey
from jobs_api.model.artifacts import Artifact
from jobs_api.model.project import Project
from jobs_api.model.run import RunStatus

# How far back is looked. A project with more runs without artifacts since then should name the job.
RUNS_LOOKED_AT: Final = 25

type EarlierArtifacts = tuple[RunKey, list[Artifact]]


def last_success(project: Project, job_id: str | None, having: str | None = None) -> EarlierArtifacts | None:
    """Return the last success of a project, or of one of its jobs, that stored artifacts, or the one named `having`."""
    found = _stored(project, store.RunFilter(job_id=job_id, status=RunStatus.SUCCESS))
    return next((one for one in found if having is None or any(file.path == having for file in one[1])), None)


def last_run(project: Project, job_id: str, but: str) -> EarlierArtifacts | None:
    """Return the last run of a job that stored artifacts, however it ended; `but` is the run that asks."""
    found = _stored(project, store.RunFilter(job_id=job_id), lambda run_id: run_id != but)
    return next(found, None)


def _stored(
    project: Project, wanted: store.RunFilter, counts: Callable[[str], bool] = lambda _: True
) -> Iterator[EarlierArtifacts]:
    runs, _ = store.list_runs(
        project.organization_id, project.id, wanted, limit=RUNS_LOOKED_AT, before=None, indexed=project.runs_indexed
    )
    for run in runs:
        if run.status.ended and counts(run.id):
            key = RunKey(run.organization_id, run.project_id, run.id)
            if files := artifacts.stored_artifacts(key):
                yield key, files
