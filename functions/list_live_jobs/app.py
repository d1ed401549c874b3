"""GET /api/v1/jobs: lists the organization's Kubernetes Jobs, running and recently ended, newest first."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from jobs_api import store
from jobs_api.api.resolver import Api
from jobs_api.cluster import connect
from jobs_api.live import queries
from jobs_api.live.documents import LiveJobList, LiveStatus
from jobs_api.store.waiting_calls import Waits, waits

app = Api()


@app.get("/api/v1/jobs")
def list_live_jobs(
    status: LiveStatus | None = None,
    project: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> LiveJobList:
    """List the Jobs that are in the cluster now, with filters for a status and a project.

    `total` counts all that match. If the namespace has more than 20,000 Jobs, not all are read and `truncated` is true.
    """
    organization = store.recent_organization(app.caller.organization_id)
    with waits(organization.id, Waits.LIVE, app.now):
        return queries.list_live_jobs(connect(organization), organization, status, project, limit)


lambda_handler = app.resolve
