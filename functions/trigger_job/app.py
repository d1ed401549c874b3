"""POST /api/v1/projects/{id}/jobs/{job_id}/trigger: starts one run of a job now."""

from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler.openapi.params import Body

from jobs_api import cluster, store
from jobs_api.api.body_schemas import schema_of
from jobs_api.api.resolver import Api, logger
from jobs_api.errors import ClusterUnavailable, ProjectNotDeployed
from jobs_api.metrics import Metric, publish
from jobs_api.model.run import Run
from jobs_api.notifications import channels
from jobs_api.pulse import queue
from jobs_api.sealing import environment
from jobs_api.trigger import admission
from jobs_api.trigger.first_launch import launch_now
from jobs_api.trigger.launch import with_its_own_name
from jobs_api.trigger.own_environment import with_variables
from jobs_api.trigger.request import WAITS, TriggerAnswer, TriggerRequest, manual_run, trigger_entry

app = Api(idempotent=True)


@app.post("/api/v1/projects/<project_id>/jobs/<job_id>/trigger", status_code=HTTPStatus.ACCEPTED)
def trigger_job(
    project_id: str, job_id: str, document: Annotated[dict[str, Any] | None, Body(), schema_of(TriggerRequest)] = None
) -> TriggerAnswer:
    """Run a job once, now, whether or not it is enabled.

    1. Write the run together with the manifest of its Job; with `skip` only if no other run of the job is open.
    2. Create the Job; with `wait` only once the open runs of the job have ended. If the cluster cannot be reached,
    ingests try again for up to an hour. 3. Remove the manifest from the run, which no longer waits for its Job. 4. Ask
    for a pass, which follows the run.
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
    ).model_copy(update={"environment": own or None, "sealed_variables": sealed, **request.cause_and_commit})
    run, reachable = _created(run, request.on_overlap)
    answer = _launched(run) if reachable else TriggerAnswer(job_run_id=run.id, job_name=run.job_name, status=run.status)
    queue.run_triggered(run.organization_id)
    return answer


def _created(run: Run, on_overlap: str | None) -> tuple[Run, bool]:
    """Write the run as its request says; return it, and whether its cluster can be asked, as far as that is known.

    Raises RunInProgress where it must start alone, and another run of the job is open.
    """
    entry, reachable = trigger_entry(run, app.written_by), True
    if on_overlap == "skip":
        going = _going(run)
        reachable = going is not None
        created = admission.create_alone(run, entry, going or ())
    else:
        if on_overlap == "wait":
            run = with_its_own_name(run.model_copy(update={"waits": True}))
        created = store.create_run(run, entry)
    # An earlier try of this request, known by its Idempotency-Key, wrote the run and died.
    return (run if created else store.get_run(run.organization_id, run.id)), reachable


def _going(run: Run) -> set[str] | None:
    """Return the runs of the job that are in the cluster, None where it cannot be asked."""
    try:
        return admission.jobs_going(run, cluster.connect(store.recent_organization(run.organization_id)))
    except (ClusterUnavailable, cluster.ClusterRejected) as error:
        publish({Metric.CLUSTER_ERRORS: 1})
        logger.warning("the cluster does not say what runs", run_id=run.id, error=str(error))
        return None


def _launched(run: Run) -> TriggerAnswer:
    """Create the run's Job unless it exists, or has to wait."""
    answer = TriggerAnswer(job_run_id=run.id, job_name=run.job_name, status=run.status)
    if run.launch is None:
        return answer
    if run.waits:
        going = _going(run)
        if going is None or not admission.admit(run, going, app.now):
            return answer.model_copy(update={"message": WAITS})
    return answer.model_copy(update={"job_name": launch_now(run, app.now)})


lambda_handler = app.resolve
