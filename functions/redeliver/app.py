"""POST .../deliveries/{delivery_id}/redeliver: sends a delivery once more, to where the job now says."""

from http import HTTPStatus

from jobs_api import store
from jobs_api.api.resolver import Api
from jobs_api.errors import ChangedMeanwhile, NothingConfigured
from jobs_api.model.delivery import DeliveryDocument
from jobs_api.notifications import backoff, channels, queue
from jobs_api.store import deliveries

app = Api()


@app.post(
    "/api/v1/projects/<project_id>/jobs/<job_id>/deliveries/<delivery_id>/redeliver", status_code=HTTPStatus.ACCEPTED
)
def redeliver(project_id: str, job_id: str, delivery_id: str) -> DeliveryDocument:
    """Send a delivery again, whatever became of it.

    It goes where the job's settings lead now, so that a channel or URL that was wrong can be corrected first. Its id
    stays, so that a receiver can tell that it knows it.
    """
    project, job = store.get_job(app.caller.organization_id, project_id, job_id)
    before = deliveries.get(project.organization_id, job.id, delivery_id)
    if not channels.is_known(before.channel):
        raise NothingConfigured(f"This version of the service sends nothing through {before.channel!r}")
    after = before.again(channels.alerts_of(project, job), app.now, backoff.GIVE_UP_AFTER)
    if before.is_being_sent(app.now) or not deliveries.change(before, after):
        raise ChangedMeanwhile("This delivery was tried at this very moment; look at it again")
    queue.queue(queue.QueueMessage(after.organization_id, after.run_id, after.event, after.channel))
    return after.document()


lambda_handler = app.resolve
