"""DELETE /api/v1/projects/{id}/jobs/{job_id}: deletes a job; a sync removes its CronJob; Pods finish and runs stay."""

from jobs_api.api.resolver import Api, Message
from jobs_api.edits import single
from jobs_api.pulse import queue

app = Api()


@app.delete("/api/v1/projects/<project_id>/jobs/<job_id>")
def delete_job(project_id: str, job_id: str) -> Message:
    """Delete a job that no other job runs after."""
    organization_id = app.caller.organization_id
    single.delete_one_job(organization_id, project_id, job_id, app.now, app.written_by)
    queue.job_changed(organization_id, project_id, job_id)
    return Message(message="Job deleted successfully")


lambda_handler = app.resolve
