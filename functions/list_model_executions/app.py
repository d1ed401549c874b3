"""GET /api/v1/projects/{id}/model-executions: what the models, tests and sources of a project did, newest first."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import islice
from typing import Annotated, Final

from aws_lambda_powertools.event_handler.openapi.params import Query

from jobs_api import store
from jobs_api.api import cursors
from jobs_api.api.resolver import Api
from jobs_api.logs import results_archive
from jobs_api.model.answer_size import count_that_fit
from jobs_api.model.executions import ModelExecution, ModelExecutionList
from jobs_api.model.results import NodeOutcome
from jobs_api.model.run import Run

app = Api()

# The number of runs whose results are read for one page.
MOST_RUNS: Final = 50


@app.get("/api/v1/projects/<project_id>/model-executions")
def list_model_executions(
    project_id: str,
    name: Annotated[str | None, Query(max_length=500)] = None,
    status: NodeOutcome | None = None,
    days: Annotated[int, Query(ge=1, le=400)] = 30,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: Annotated[str | None, Query(max_length=1024)] = None,
) -> ModelExecutionList:
    """List what the nodes of a project's runs did, those of the newest run first.

    A page has a `next_cursor` while more may match; send it back with the same filters. It may have fewer executions
    than `limit`, or none, because one request reads the results of at most 50 runs.
    """
    project = store.get_project(app.caller.organization_id, project_id)
    query = {"executions_of": project_id, "name": name, "status": status, "days": str(days)}
    begin, _, passed = cursors.read(cursor, query, project.cursor_key).partition("|") if cursor else ("", "", "")
    runs, position = store.runs_with_results(
        project.organization_id,
        project_id,
        app.now - timedelta(days=days),
        most=MOST_RUNS,
        kept_at=app.now,
        up_to=begin if passed else None,
        before=begin if begin and not passed else None,
    )
    read = results_archive.within_reason(runs)
    if len(read) < len(runs):
        position = store.position_of(read[-1])
    found = list(islice(_executions(read, (begin, int(passed or 0)), name, status), limit + 1))
    executions = [execution for _, execution in found[:limit]]
    shown = count_that_fit(executions)
    following = found[shown - 1][0] if shown < len(found) else f"{position}|" if position else None
    return ModelExecutionList(
        model_executions=executions[:shown],
        next_cursor=cursors.sign(following, query, project.cursor_key) if following else None,
    )


def _executions(
    runs: Sequence[Run], passed: tuple[str, int], name: str | None, status: NodeOutcome | None
) -> Iterator[tuple[str, ModelExecution]]:
    """Yield the executions that match, each with its place; of the run at `passed`, those after so many nodes."""
    for run, nodes in results_archive.nodes_of(runs):
        at = store.position_of(run)
        for place, node in enumerate(reversed(nodes), start=1):
            is_passed = at == passed[0] and place <= passed[1]
            if not is_passed and name in {None, node["name"]} and status in {None, node["status"]}:
                execution = ModelExecution.model_validate({**node, "run_id": run.id, "job_id": run.job_id})
                yield f"{at}|{place}", execution


lambda_handler = app.resolve
