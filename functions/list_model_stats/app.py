"""GET /api/v1/projects/{id}/model-executions/stats: how often each model failed and how long it took."""

from datetime import timedelta
from typing import Annotated, Final

from aws_lambda_powertools.event_handler.openapi.params import Query

from jobs_api import store
from jobs_api.api.resolver import Api
from jobs_api.logs import results_archive
from jobs_api.model.answer_size import count_that_fit
from jobs_api.model.executions import ModelStatsList, NodesOverTime

app = Api()

# The number of runs, the newest ones, whose results are read.
MOST_RUNS: Final = 300


@app.get("/api/v1/projects/<project_id>/model-executions/stats")
def list_model_stats(
    project_id: str,
    name: Annotated[str | None, Query(max_length=500)] = None,
    days: Annotated[int, Query(ge=1, le=400)] = 30,
) -> ModelStatsList:
    """Return a row for each node of a project's runs: how often it ran and failed, and how long it took.

    At most 300 runs are read, the newest ones; `truncated` says that there are older ones.
    """
    project = store.get_project(app.caller.organization_id, project_id)
    runs, position = store.runs_with_results(
        project.organization_id, project_id, app.now - timedelta(days=days), most=MOST_RUNS, kept_at=app.now
    )
    read, nodes_over_time = results_archive.within_reason(runs), NodesOverTime()
    for run, nodes in results_archive.nodes_of(read):
        nodes_over_time.add(run.end_time or run.updated_at, nodes)
    stats = nodes_over_time.stats(name)
    shown = count_that_fit(stats)
    is_less = position is not None or len(read) < len(runs) or shown < len(stats)
    return ModelStatsList(
        stats=stats[:shown],
        runs=len(read),
        since=read[-1].created_at if read else None,
        truncated=True if is_less else None,
    )


lambda_handler = app.resolve
