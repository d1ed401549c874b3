"""GET /api/v1/projects/{id}/runs: lists a project's runs, newest first, in pages."""

from datetime import datetime

from jobs_api import store
from jobs_api.api import cursors
from jobs_api.api.resolver import Api
from jobs_api.api.run_pages import Cursor, Id, JobType, Limit, page_of_runs
from jobs_api.model import run_stats
from jobs_api.model.document import Moment
from jobs_api.model.run import RunStatus, TriggeredBy
from jobs_api.model.run_stats import ProjectRunList, RunStats
from jobs_api.store import run_counts
from jobs_api.store.caused_runs import list_caused_runs

app = Api()


@app.get("/api/v1/projects/<project_id>/runs")
def list_runs(  # noqa: PLR0913 - each is a parameter of the API
    project_id: str,
    limit: Limit = 50,
    cursor: Cursor = None,
    job_id: Id = None,
    status: RunStatus | None = None,
    job_type: JobType = None,
    triggered_by: TriggeredBy | None = None,
    updated_after: Moment | None = None,
    *,
    caused_by: Id = None,
    include_stats: bool = False,
) -> ProjectRunList:
    """List a project's runs.

    A page has a `next_cursor` while more may match; send it back with the same filters. With filters a page may have
    fewer runs than `limit`, or none, because one request reads at most 5,000 rows. A page has at most 4.5 MB. The stats
    are of all runs of the project, or of `job_id`, that ended in the last 30 days; the other filters do not apply.
    """
    project = store.get_project(app.caller.organization_id, project_id)
    wanted = store.RunFilter(job_id, status, job_type, triggered_by, updated_after, app.now, caused_by)
    query = {"project_id": project_id, **wanted.as_query()}
    before = cursors.read(cursor, query, project.cursor_key) if cursor else None
    if caused_by:
        found = list_caused_runs(project.organization_id, project_id, wanted, limit=limit, before=before)
    else:
        found = store.list_runs(
            project.organization_id, project_id, wanted, limit=limit, before=before, indexed=project.runs_indexed
        )
    page = page_of_runs(found, store.position_of, query, project.cursor_key)
    stats = stats_of(project.organization_id, project_id, job_id, app.now) if include_stats else None
    return ProjectRunList(runs=page.runs, next_cursor=page.next_cursor, stats=stats)


def stats_of(organization_id: str, project_id: str, job_id: str | None, now: datetime) -> RunStats:
    """Return the statistics of the runs that ended in the last 30 days."""
    days = run_stats.last_days(now, run_stats.DAYS_OF_A_LIST)
    return run_stats.together(run_counts.counts_by_day(organization_id, project_id, days, job_id), days)


lambda_handler = app.resolve
