"""GET /api/v1/projects/{id}/runs: lists a project's runs, newest first, in pages."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from jobs_api import store
from jobs_api.api import cursors
from jobs_api.api.resolver import Api
from jobs_api.model.answer_size import count_that_fit
from jobs_api.model.document import Moment, rfc3339
from jobs_api.model.run import RunList, RunStatus, TriggeredBy

app = Api()


@app.get("/api/v1/projects/<project_id>/runs")
def list_runs(
    project_id: str,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str | None, Query(max_length=1024)] = None,
    job_id: Annotated[str | None, Query(max_length=64)] = None,
    status: RunStatus | None = None,
    job_type: Annotated[str | None, Query(max_length=64)] = None,
    triggered_by: TriggeredBy | None = None,
    updated_after: Moment | None = None,
) -> RunList:
    """List a project's runs.

    A page has a `next_cursor` while more may match; send it back with the same filters. With filters a page may have
    fewer runs than `limit`, or none, because one request reads at most 5,000 rows. A page has at most 4.5 MB.
    """
    project = store.get_project(app.caller.organization_id, project_id)
    query = {
        "project_id": project_id,
        "job_id": job_id,
        "status": status,
        "job_type": job_type,
        "triggered_by": triggered_by,
        "updated_after": rfc3339(updated_after) if updated_after else None,
    }
    runs, position = store.list_runs(
        project.organization_id,
        project_id,
        store.RunFilter(job_id, status, job_type, triggered_by, updated_after, kept_at=app.now),
        limit=limit,
        before=cursors.read(cursor, query, project.cursor_key) if cursor else None,
        indexed=project.runs_indexed,
    )
    documents = [run.document() for run in runs]
    shown = count_that_fit(documents)
    if shown < len(runs):
        position = store.position_of(runs[shown - 1])
    return RunList(
        runs=documents[:shown],
        next_cursor=cursors.sign(position, query, project.cursor_key) if position else None,
    )


lambda_handler = app.resolve
