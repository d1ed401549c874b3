"""GET /api/v1/runs/{run_id}/artifacts: the files of dbt's target folder that a run's Pod stored."""

from jobs_api import store
from jobs_api.api.resolver import Api
from jobs_api.logs import artifacts
from jobs_api.logs.artifacts import BundleKey
from jobs_api.model.artifacts import Artifact
from jobs_api.model.document import Document

app = Api()


class ArtifactsOfRun(Document):
    """The artifacts of a run, by name; none before they are all stored, or where none were."""

    artifacts: list[Artifact]


@app.get("/api/v1/runs/<run_id>/artifacts")
def list_artifacts(run_id: str) -> ArtifactsOfRun:
    """Return what the run's Pod stored."""
    run = store.get_run(app.caller.organization_id, run_id, kept_at=app.now)
    found = artifacts.stored_bundle(BundleKey.of(run))
    return ArtifactsOfRun(artifacts=found.artifacts if found else [])


lambda_handler = app.resolve
