"""GET /api/v1/projects/{id}/runs/daily-stats: how a project's runs ended, day by day."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from jobs_api import store
from jobs_api.api.resolver import Api
from jobs_api.model.run_stats import DAYS_KEPT, DailyStats, daily_stats, last_days
from jobs_api.store import run_counts

app = Api()


@app.get("/api/v1/projects/<project_id>/runs/daily-stats")
def list_daily_stats(
    project_id: str,
    days: Annotated[int, Query(ge=1, le=DAYS_KEPT)] = 30,
    job_id: Annotated[str | None, Query(max_length=64)] = None,
) -> DailyStats:
    """Return how many runs ended on each of the last days of UTC, and how, oldest first; today is the last."""
    project = store.get_project(app.caller.organization_id, project_id)
    asked = last_days(app.now, days)
    return daily_stats(run_counts.counts_by_day(project.organization_id, project.id, asked, job_id), asked)


lambda_handler = app.resolve
