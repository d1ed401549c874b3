"""GET /api/v1/runs/{run_id}/logs: the stored log of an ended run, or the log as it is written, piece by piece."""

from contextlib import nullcontext
from datetime import timedelta
from functools import cache
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from jobs_api import store
from jobs_api.api import cursors
from jobs_api.api.body_schemas import json_or_text
from jobs_api.api.resolver import Api
from jobs_api.cluster import Cluster, connect
from jobs_api.errors import Fault, InvalidRequest, RunNotCompleted
from jobs_api.k8s.log_place import LogPlace
from jobs_api.live.following import FollowedLogs, LogFollower
from jobs_api.logs import archive
from jobs_api.logs.archive import RunLogs
from jobs_api.model.run import Run
from jobs_api.store.waiting_calls import Waits, waits

app = Api()


@app.get("/api/v1/runs/<run_id>/logs", responses=json_or_text(RunLogs | FollowedLogs))
def get_run_logs(
    run_id: str,
    after: Annotated[str | None, Query(max_length=1024)] = None,
    wait: Annotated[int | None, Query(ge=0, le=20)] = None,
) -> Response[Any]:
    """Return a run's stored log, or the last MiB of a longer one; with `after` or `wait`, what follows a place.

    With `Accept: text/plain`, only the text.
    """
    run = store.get_run(app.caller.organization_id, run_id, kept_at=app.now)
    if after is not None or wait is not None:
        return _follow(run, after, wait or 0)
    if not run.status.ended:
        raise RunNotCompleted(
            f"The run is still {run.status}; GET /api/v1/jobs/{run.job_name}/logs shows its log so far"
        )
    found = archive.of_run(run)
    return app.document_or_text(found, found.logs)


def _follow(run: Run, after: str | None, wait: int) -> Response[Any]:
    organization_id, query = run.organization_id, {"run_id": run.id}
    key = cursors.organization_key(organization_id)
    place = LogPlace.read(_position(after, query, key)) if after else LogPlace()

    @cache
    def cluster() -> Cluster:
        return connect(store.recent_organization(organization_id))

    def read_run() -> Run:
        return store.get_run(organization_id, run.id, kept_at=app.now)

    counted = nullcontext() if run.status.ended else waits(organization_id, Waits.FOLLOWERS, app.now)
    with counted:
        followed = LogFollower(read_run, cluster).next(run, place, timedelta(seconds=wait))
    answer = FollowedLogs(
        run_id=run.id,
        job_name=followed.run.job_name,
        status=followed.run.status,
        logs=followed.text,
        after=cursors.sign(followed.place.text(), query, key),
        done=followed.done,
        message=followed.message,
    )
    return app.document_or_text(answer, followed.text)


def _position(after: str, query: dict[str, str], key: str) -> str:
    try:
        return cursors.read(after, query, key)
    except InvalidRequest as error:
        raise InvalidRequest(
            [Fault("after", "is not from an answer about this run's log; send it unchanged")]
        ) from error


lambda_handler = app.resolve
