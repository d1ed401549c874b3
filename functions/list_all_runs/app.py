"""GET /api/v1/runs: lists the runs of all projects of the organization, newest first, in pages."""

from jobs_api import store
from jobs_api.api import cursors
from jobs_api.api.resolver import Api
from jobs_api.api.run_pages import Cursor, Id, JobType, Limit, page_of_runs
from jobs_api.model.document import Moment
from jobs_api.model.run import RunList, RunStatus, TriggeredBy
from jobs_api.store import all_runs

app = Api()


@app.get("/api/v1/runs")
def list_all_runs(  # noqa: PLR0913 - each is a parameter of the API
    limit: Limit = 50,
    cursor: Cursor = None,
    project_id: Id = None,
    job_id: Id = None,
    status: RunStatus | None = None,
    job_type: JobType = None,
    triggered_by: TriggeredBy | None = None,
    updated_after: Moment | None = None,
    *,
    caused_by: Id = None,
) -> RunList:
    """List the runs of all projects that the organization has.

    A page has a `next_cursor` while more may match; send it back with the same filters. A page may have fewer runs than
    `limit`, or none. A page has at most 4.5 MB.
    """
    organization_id = app.caller.organization_id
    wanted = store.RunFilter(job_id, status, job_type, triggered_by, updated_after, app.now, caused_by)
    query = {"runs_of": organization_id, "project_id": project_id, **wanted.as_query()}
    key = cursors.organization_key(organization_id)
    projects = {one.id: one.runs_indexed for one in store.list_projects(organization_id)}
    found = all_runs.list_all_runs(
        organization_id,
        {one: indexed for one, indexed in projects.items() if project_id in {None, one}},
        wanted,
        limit=limit,
        before=cursors.read(cursor, query, key) if cursor else None,
    )
    return page_of_runs(found, store.position_of, query, key)


lambda_handler = app.resolve
