"""DELETE /api/v1/projects/{id}/jobs/{job_id}: the job goes, its CronJob follows; pods finish and runs stay."""

from jobs_api import events, store
from jobs_api.api import Api, Message

app = Api()


@app.delete("/api/v1/projects/<project_id>/jobs/<job_id>")
def delete_job(project_id: str, job_id: str) -> Message:
    """Delete a job."""
    project, job = store.get_job(app.caller.organization_id, project_id, job_id)
    store.delete_job(job, remains=job.removed(project, app.now))
    events.job_changed(job.organization_id, job.project_id, job.id)
    return Message(message="Job deleted successfully")


lambda_handler = app.resolve
