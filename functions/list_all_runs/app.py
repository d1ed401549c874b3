"""GET /api/v1/runs: lists the runs of all projects of the organization, newest first, in pages."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from jobs_api import store
from jobs_api.api import cursors
from jobs_api.api.resolver import Api
from jobs_api.model.answer_size import count_that_fit
from jobs_api.model.document import Moment, rfc3339
from jobs_api.model.run import RunList, RunStatus, TriggeredBy
from jobs_api.store import all_runs

app = Api()


@app.get("/api/v1/runs")
def list_all_runs(
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str | None, Query(max_length=1024)] = None,
    project_id: Annotated[str | None, Query(max_length=64)] = None,
    job_id: Annotated[str | None, Query(max_length=64)] = None,
    status: RunStatus | None = None,
    job_type: Annotated[str | None, Query(max_length=64)] = None,
    triggered_by: TriggeredBy | None = None,
    updated_after: Moment | None = None,
) -> RunList:
    """List the runs of all projects that the organization has.

    A page has a `next_cursor` while more may match; send it back with the same filters. A page may have fewer runs than
    `limit`, or none. A page has at most 4.5 MB.
    """
    organization_id = app.caller.organization_id
    query = {
        "runs_of": organization_id,
        "project_id": project_id,
        "job_id": job_id,
        "status": status,
        "job_type": job_type,
        "triggered_by": triggered_by,
        "updated_after": rfc3339(updated_after) if updated_after else None,
    }
    key = cursors.organization_key(organization_id)
    projects = {one.id: one.runs_indexed for one in store.list_projects(organization_id)}
    runs, position = all_runs.list_all_runs(
        organization_id,
        {one: indexed for one, indexed in projects.items() if project_id in {None, one}},
        store.RunFilter(job_id, status, job_type, triggered_by, updated_after, kept_at=app.now),
        limit=limit,
        before=cursors.read(cursor, query, key) if cursor else None,
    )
    documents = [run.document() for run in runs]
    shown = count_that_fit(documents)
    if shown < len(runs):
        position = store.position_of(runs[shown - 1])
    return RunList(runs=documents[:shown], next_cursor=cursors.sign(position, query, key) if position else None)


lambda_handler = app.resolve
