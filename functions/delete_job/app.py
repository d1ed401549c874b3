"""DELETE /api/v1/projects/{id}/jobs/{job_id}: deletes a job; a sync removes its CronJob; Pods finish and runs stay."""

from jobs_api import store
from jobs_api.api.resolver import Api, Message
from jobs_api.errors import ChangedMeanwhile, NotFound
from jobs_api.pulse import queue
from jobs_api.store import chain_checks

app = Api()
ATTEMPTS = 3


@app.delete("/api/v1/projects/<project_id>/jobs/<job_id>")
def delete_job(project_id: str, job_id: str) -> Message:
    """Delete a job that no other job runs after."""
    organization_id = app.caller.organization_id
    for attempt in range(1, ATTEMPTS + 1):
        try:
            project, job = store.get_job(organization_id, project_id, job_id)
            chain_checks.check_unfollowed(job)
            store.delete_job(job, app.now, remains=job.removed(project, app.now), by=app.written_by)
            break
        except ChangedMeanwhile:
            if attempt == ATTEMPTS:
                raise
        except NotFound:
            if attempt == 1:
                raise
            # The job existed a moment ago: somebody else deleted it, or an earlier try of this request did and lost the
            # answer.
            break
    queue.job_changed(organization_id, project_id, job_id)
    return Message(message="Job deleted successfully")


lambda_handler = app.resolve
