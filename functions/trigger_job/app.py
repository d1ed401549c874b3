"""POST /api/v1/projects/{id}/jobs/{job_id}/trigger: starts one run of a job now."""

from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler.openapi.params import Body

from jobs_api import cluster, store
from jobs_api.api.resolver import Api, logger, schema_of
from jobs_api.aws.encryption import CannotOpen
from jobs_api.cancel import ending
from jobs_api.errors import ClusterUnavailable, ProjectNotDeployed
from jobs_api.metrics import Metric, publish
from jobs_api.model.run import Run
from jobs_api.notifications import channels
from jobs_api.pulse import queue
from jobs_api.sealing import environment
from jobs_api.trigger.launch import launch
from jobs_api.trigger.own_environment import with_variables
from jobs_api.trigger.request import TriggerAnswer, TriggerRequest, manual_run, trigger_entry

app = Api(idempotent=True)


@app.post("/api/v1/projects/<project_id>/jobs/<job_id>/trigger", status_code=HTTPStatus.ACCEPTED)
def trigger_job(
    project_id: str, job_id: str, document: Annotated[dict[str, Any] | None, Body(), schema_of(TriggerRequest)] = None
) -> TriggerAnswer:
    """Run a job once, now, whether or not it is enabled.

    1. Write the run together with the manifest of its Job. 2. Create the Job. If the cluster cannot be reached, ingests
    try again for up to an hour. 3. Remove the manifest from the run, which no longer waits for its Job. 4. Ask for a
    pass, which follows the run.
    """
    project, job = store.get_job(app.caller.organization_id, project_id, job_id)
    request = TriggerRequest.of(document or {}, project, job)
    if not project.settings.deployed:
        raise ProjectNotDeployed("The project is not deployed, so nothing can run; deploy it first")
    job = environment.with_sealed_environment(job)
    command = request.command_override or job.settings.command
    own, sealed = environment.sealed_variables(job, request.environment or {})
    run = manual_run(
        app.new_id("run_"), command, with_variables(job, own), project, channels.alerts_of(project, job), app.written_by
    ).model_copy(update={"environment": own or None, "sealed_variables": sealed, **request.told})
    if not store.create_run(run, trigger_entry(run, app.written_by)):
        # An earlier try of this request, known by its Idempotency-Key, wrote the run and died.
        run = store.get_run(project.organization_id, run.id)
    name = _launched(run)
    queue.run_triggered(run.organization_id)
    return TriggerAnswer(job_run_id=run.id, job_name=name, status=run.status)


def _launched(run: Run) -> str:
    """Create the run's Job unless it exists; return the Job's name."""
    if run.launch is None:
        return run.job_name
    try:
        name = launch(cluster.connect(store.recent_organization(run.organization_id)), run)
    except (ClusterUnavailable, cluster.ClusterRejected, CannotOpen) as error:
        if not isinstance(error, CannotOpen):
            publish({Metric.CLUSTER_ERRORS: 1})
        logger.warning("not launched yet", run_id=run.id, error=str(error))
        return run.job_name
    if not store.run_launched(run, name, app.now):
        _end_if_cancelled(run, name)
    return name


def _end_if_cancelled(run: Run, name: str) -> None:
    """End the Job of a run that was cancelled while its Job was created; where that fails, ingest does it."""
    try:
        ending.end_if_cancelled(cluster.connect(store.recent_organization(run.organization_id)), run, name, app.now)
    except (ClusterUnavailable, cluster.ClusterRejected, ending.NotAllowed) as error:
        logger.warning("not ended yet", run_id=run.id, error=str(error))


lambda_handler = app.resolve
