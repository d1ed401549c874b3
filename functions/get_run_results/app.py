"""GET /api/v1/runs/{run_id}/results: what each model, test, seed, snapshot and source of a run did, or did so far."""

from jobs_api import store
from jobs_api.api.resolver import Api
from jobs_api.cluster import connect
from jobs_api.errors import NoResults
from jobs_api.live.results_so_far import results_so_far
from jobs_api.logs import results_archive
from jobs_api.model.answer_size import count_that_fit
from jobs_api.model.document import Absent, Document
from jobs_api.model.results import NodeResult, ResultCounts, RunResults
from jobs_api.model.run import Run
from jobs_api.store.waiting_calls import Waits, waits

app = Api()


class ResultsOfRun(Document):
    """The results of a run, in the order in which its nodes ended.

    Of an open run, those that have ended by now; such results are not `complete`. `truncated`: there are more than an
    answer has room for; `counts` is of all of them.
    """

    run_id: str
    results: list[NodeResult]
    counts: ResultCounts
    complete: bool
    truncated: Absent[bool] = None


@app.get("/api/v1/runs/<run_id>/results")
def get_run_results(run_id: str) -> ResultsOfRun:
    """Return what a run did, node by node; of an open run, what its log says by now."""
    run = store.get_run(app.caller.organization_id, run_id, kept_at=app.now)
    found = _stored(run) if run.status.ended else _so_far(run)
    shown = count_that_fit(found.results)
    return ResultsOfRun(
        run_id=run.id,
        results=found.results[:shown],
        counts=found.counts,
        complete=found.complete,
        truncated=True if shown < len(found.results) else None,
    )


def _stored(run: Run) -> RunResults:
    if run.results is None:
        raise NoResults("The log of this run has no results of models or tests")
    return results_archive.read_results(run)


def _so_far(run: Run) -> RunResults:
    with waits(run.organization_id, Waits.FOLLOWERS, app.now):
        return results_so_far(connect(store.recent_organization(run.organization_id)), run)


lambda_handler = app.resolve
