"""POST /api/v1/runs/{run_id}/retry: runs again what a run has run."""

from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler.openapi.params import Body

from jobs_api import store
from jobs_api.api.body_schemas import schema_of
from jobs_api.api.resolver import Api
from jobs_api.errors import Conflict, NotFound, RunNotCompleted
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.model.run import Run
from jobs_api.notifications import channels
from jobs_api.pulse import queue
from jobs_api.sealing import environment
from jobs_api.trigger.first_launch import launch_now
from jobs_api.trigger.retry_request import RetryAnswer, RetryRequest, requested_retry, retry_entry

app = Api(idempotent=True)


@app.post("/api/v1/runs/<run_id>/retry", status_code=HTTPStatus.ACCEPTED)
def retry_run(
    run_id: str, document: Annotated[dict[str, Any] | None, Body(), schema_of(RetryRequest)] = None
) -> RetryAnswer:
    """Run the command of a run that has ended once more, on its job as it is now, whether or not it is enabled.

    The steps are those of a trigger: the run is written with the manifest of its Job before the cluster is asked.
    """
    request = RetryRequest.checked(document or {})
    before = store.get_run(app.caller.organization_id, run_id, kept_at=app.now)
    if not before.status.ended:
        raise RunNotCompleted(f"The run is still {before.status}; wait until it has ended, or cancel it first")
    project, job = _job_of(before)
    request.check(project, before)
    alerts = channels.alerts_of(project, job)
    job = environment.with_sealed_environment(job)
    run = requested_retry(app.new_id("run_"), request, before, job, project, alerts, app.written_by)
    if not store.create_run(run, retry_entry(run, before, app.written_by)):
        # An earlier try of this request, known by its Idempotency-Key, wrote the run and died.
        run = store.get_run(project.organization_id, run.id)
    name = launch_now(run, app.now)
    queue.run_triggered(run.organization_id)
    return RetryAnswer(job_run_id=run.id, job_name=name, status=run.status, retry_of=before.id)


def _job_of(run: Run) -> tuple[Project, Job]:
    try:
        return store.get_job(run.organization_id, run.project_id, run.job_id)
    except NotFound as error:
        raise Conflict("The job of this run was deleted, so the run cannot be retried") from error


lambda_handler = app.resolve
