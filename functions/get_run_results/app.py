"""GET /api/v1/runs/{run_id}/results: what each model, test, seed, snapshot and source of an ended run did."""

from jobs_api import store
from jobs_api.api.resolver import Api
from jobs_api.errors import NoResults, RunNotCompleted
from jobs_api.logs import results_archive
from jobs_api.model.answer_size import count_that_fit
from jobs_api.model.document import Absent, Document
from jobs_api.model.results import NodeResult, ResultCounts

app = Api()


class ResultsOfRun(Document):
    """The results of a run, in the order in which its nodes ended.

    `truncated`: there are more than an answer has room for; `counts` is of all of them.
    """

    run_id: str
    results: list[NodeResult]
    counts: ResultCounts
    complete: bool
    truncated: Absent[bool] = None


@app.get("/api/v1/runs/<run_id>/results")
def get_run_results(run_id: str) -> ResultsOfRun:
    """Return what the log of an ended run says of each of its nodes."""
    run = store.get_run(app.caller.organization_id, run_id, kept_at=app.now)
    if not run.status.ended:
        raise RunNotCompleted(f"The run is still {run.status}; its results are read from its log when it has ended")
    if run.results is None:
        raise NoResults("The log of this run says of no model or test what it did")
    found = results_archive.read_results(run)
    shown = count_that_fit(found.results)
    return ResultsOfRun(
        run_id=run.id,
        results=found.results[:shown],
        counts=found.counts,
        complete=found.complete,
        truncated=True if shown < len(found.results) else None,
    )


lambda_handler = app.resolve
