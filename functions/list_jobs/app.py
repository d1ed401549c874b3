"""GET /api/v1/projects/{id}/jobs: lists all jobs of a project, oldest first."""

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from jobs_api import store
from jobs_api.api import cursors, job_pages
from jobs_api.api.body_schemas import json_of
from jobs_api.api.resolver import Api
from jobs_api.model.job_document import JobDocument, JobList

app = Api()


@app.get("/api/v1/projects/<project_id>/jobs", responses=json_of(JobList))
def list_jobs(
    project_id: str,
    limit: Annotated[int | None, Query(ge=1, le=10_000)] = None,
    cursor: Annotated[str | None, Query(max_length=1024)] = None,
) -> Response[Any]:
    """List the jobs configured for a project.

    One page has all jobs, or at most `limit`, or as many as fit into an answer, about 8,000. It has a `next_cursor`
    while more follow. `total` counts all jobs in each page.
    """
    project, jobs = store.list_jobs(app.caller.organization_id, project_id)
    query = {"jobs_of": project_id}
    rest = job_pages.following(jobs, cursors.read(cursor, query, project.cursor_key)) if cursor else jobs
    now = app.now
    page = job_pages.page_of(JobDocument.of_job(job, project, now) for job in rest[:limit])
    position = job_pages.position_in_list(rest[len(page) - 1]) if len(page) < len(rest) else None
    next_cursor = cursors.sign(position, query, project.cursor_key) if position else None
    return app.written(job_pages.answer(page, len(jobs), next_cursor))


lambda_handler = app.resolve
