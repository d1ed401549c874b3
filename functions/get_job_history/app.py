"""GET /api/v1/projects/{id}/jobs/{job_id}/history: lists the versions of a job, newest first."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from jobs_api import store
from jobs_api.api import cursors
from jobs_api.api.resolver import Api
from jobs_api.model.answer_size import count_that_fit
from jobs_api.model.job_history import JobHistory
from jobs_api.store import history

app = Api()


@app.get("/api/v1/projects/<project_id>/jobs/<job_id>/history")
def get_job_history(
    project_id: str,
    job_id: str,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str | None, Query(max_length=1024)] = None,
) -> JobHistory:
    """List who made which version of a job, and which fields differ from the version before.

    Versions are kept for 400 days. Secret values are masked, as they are in a job: a field in which only a secret value
    changed looks the same before and after. The page has a `next_cursor` while more versions follow.
    """
    project, job = store.get_job(app.caller.organization_id, project_id, job_id)
    query = {"history_of": job.id}
    before = int(cursors.read(cursor, query, project.cursor_key)) if cursor else None
    versions, more = history.list_versions(job, app.now, limit=limit, before=before)
    fitting = versions[: count_that_fit(versions)]
    more = more or len(fitting) < len(versions)
    next_cursor = cursors.sign(str(fitting[-1].version), query, project.cursor_key) if more and fitting else None
    return JobHistory(versions=fitting, next_cursor=next_cursor)


lambda_handler = app.resolve
