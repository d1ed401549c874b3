"""GET /api/v1/projects/{id}/jobs/{job_id}: one job."""

from jobs_api import store
from jobs_api.api.resolver import Api
from jobs_api.model.job_document import JobDocument

app = Api()


@app.get("/api/v1/projects/<project_id>/jobs/<job_id>")
def get_job(project_id: str, job_id: str) -> JobDocument:
    """Return a job."""
    project, job = store.get_job(app.caller.organization_id, project_id, job_id)
    return JobDocument.of_job(job, project, app.now)


lambda_handler = app.resolve
