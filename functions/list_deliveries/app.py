"""GET /api/v1/projects/{id}/jobs/{job_id}/deliveries: lists the deliveries of a job's runs, newest first."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from jobs_api import store
from jobs_api.api import cursors
from jobs_api.api.resolver import Api
from jobs_api.model.delivery import DeliveryList, DeliveryStatus
from jobs_api.store import deliveries

app = Api()


@app.get("/api/v1/projects/<project_id>/jobs/<job_id>/deliveries")
def list_deliveries(
    project_id: str,
    job_id: str,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str | None, Query(max_length=1024)] = None,
    status: DeliveryStatus | None = None,
) -> DeliveryList:
    """List a job's deliveries of the last 30 days, through every channel, each with its result.

    The page has a `next_cursor` while more deliveries may match. With a status a page may have fewer deliveries than
    `limit`, or none, because one request reads at most 5,000 rows.
    """
    project, job = store.get_job(app.caller.organization_id, project_id, job_id)
    query = {"deliveries_of": job.id, "status": status}
    page, position = deliveries.page(
        project.organization_id,
        job.id,
        status=status,
        limit=limit,
        before=cursors.read(cursor, query, project.cursor_key) if cursor else None,
    )
    return DeliveryList(
        deliveries=[delivery.document() for delivery in page],
        next_cursor=cursors.sign(position, query, project.cursor_key) if position else None,
    )


lambda_handler = app.resolve
