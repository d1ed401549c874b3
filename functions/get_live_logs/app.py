"""GET /api/v1/jobs/{id}/logs: returns the end of a Kubernetes Job's log, also while it runs."""

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from jobs_api import store
from jobs_api.api.body_schemas import json_or_text
from jobs_api.api.resolver import Api
from jobs_api.cluster import connect
from jobs_api.live import queries
from jobs_api.live.documents import LiveLogs
from jobs_api.store.waiting_calls import Waits, waits

app = Api()


@app.get("/api/v1/jobs/<job_name>/logs", responses=json_or_text(LiveLogs))
def get_live_logs(job_name: str, tail: Annotated[int, Query(ge=1, le=10_000)] = 100) -> Response[Any]:
    """Return the last lines of a Job's log; with `Accept: text/plain`, only the text."""
    organization = store.recent_organization(app.caller.organization_id)
    with waits(organization.id, Waits.LIVE, app.now):
        found = queries.get_logs(connect(organization), organization, job_name, tail)
    return app.document_or_text(found, found.logs)


lambda_handler = app.resolve
