"""GET /api/v1/projects/{id}/jobs: all jobs of a project, oldest first."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from jobs_api import cursors, job_pages, store
from jobs_api.api import Api
from jobs_api.jobs import JobDocument, JobList

app = Api()


@app.get("/api/v1/projects/<project_id>/jobs")
def list_jobs(
    project_id: str,
    limit: Annotated[int | None, Query(ge=1, le=10_000)] = None,
    cursor: Annotated[str | None, Query(max_length=1024)] = None,
) -> JobList:
    """List the jobs configured for a project.

    All of them come at once, or as many as `limit` says and one answer holds, about 8,000; `next_cursor` is there while
    more follow. `total` counts all of them each time.
    """
    project, jobs = store.list_jobs(app.caller.organization_id, project_id)
    query = {"jobs_of": project_id}
    rest = job_pages.following(jobs, cursors.read(cursor, query, project.cursor_key)) if cursor else jobs
    page = job_pages.that_fit(JobDocument.of_job(job, project, app.now) for job in rest[:limit])
    more = len(page) < len(rest)
    return JobList(
        jobs=page,
        total=len(jobs),
        next_cursor=cursors.sign(job_pages.position_of(rest[len(page) - 1]), query, project.cursor_key)
        if more
        else None,
    )


lambda_handler = app.resolve
