"""GET /api/v1/runs/{run_id}: one run."""

from jobs_api import store
from jobs_api.api.resolver import Api
from jobs_api.model.run import JobRun

app = Api()


@app.get("/api/v1/runs/<run_id>")
def get_run(run_id: str) -> JobRun:
    """Return a run's record."""
    return store.get_run(app.caller.organization_id, run_id, kept_at=app.now).document()


lambda_handler = app.resolve
