"""GET /api/v1/runs/{run_id}/logs: returns the stored log of an ended run."""

from typing import Any

from aws_lambda_powertools.event_handler import Response

from jobs_api import store
from jobs_api.api.resolver import Api, json_or_text
from jobs_api.errors import RunNotCompleted
from jobs_api.logs import archive
from jobs_api.logs.archive import RunLogs

app = Api()


@app.get("/api/v1/runs/<run_id>/logs", responses=json_or_text(RunLogs))
def get_run_logs(run_id: str) -> Response[Any]:
    """Return a run's stored log, or the last MiB of a longer one; with `Accept: text/plain`, only the text."""
    run = store.get_run(app.caller.organization_id, run_id, kept_at=app.now)
    if not run.status.ended:
        raise RunNotCompleted(
            f"The run is still {run.status}; GET /api/v1/jobs/{run.job_name}/logs shows its log so far"
        )
    found = archive.of_run(run)
    return app.document_or_text(found, found.logs)


lambda_handler = app.resolve
