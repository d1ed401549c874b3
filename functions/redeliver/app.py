"""POST .../deliveries/{delivery_id}/redeliver: sends a delivery again, to the job's present channel or URL."""

from http import HTTPStatus

from jobs_api import store
from jobs_api.api.resolver import Api
from jobs_api.errors import ChangedMeanwhile, NothingConfigured
from jobs_api.model.audit import AuditAction, entry
from jobs_api.model.delivery import DeliveryDocument
from jobs_api.notifications import backoff, channels, queue
from jobs_api.store import deliveries

app = Api()


@app.post(
    "/api/v1/projects/<project_id>/jobs/<job_id>/deliveries/<delivery_id>/redeliver", status_code=HTTPStatus.ACCEPTED
)
def redeliver(project_id: str, job_id: str, delivery_id: str) -> DeliveryDocument:
    """Send a delivery again, whatever its status.

    It goes to the channel or URL that the job has now, so that a wrong one can be corrected first. The delivery keeps
    its id, by which a receiver can recognize it.
    """
    project, job = store.get_job(app.caller.organization_id, project_id, job_id)
    before = deliveries.get(project.organization_id, job.id, delivery_id)
    if not channels.is_known(before.channel):
        raise NothingConfigured(f"This version of the service sends nothing through {before.channel!r}")
    after = before.again(channels.alerts_of(project, job), app.now, backoff.GIVE_UP_AFTER)
    written = entry(
        app.written_by,
        AuditAction.DELIVERY_REDELIVER,
        after.organization_id,
        after.id,
        project_id=project.id,
        job_id=job.id,
        run_id=after.run_id,
    )
    if before.is_being_sent(app.now) or not deliveries.change(before, after, written):
        raise ChangedMeanwhile("Another request tried this delivery at the same time; read it again")
    queue.queue(queue.QueueMessage(after.organization_id, after.run_id, after.event, after.channel))
    return after.document()


lambda_handler = app.resolve
