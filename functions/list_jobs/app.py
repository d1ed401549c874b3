"""GET /api/v1/projects/{id}/jobs: all jobs of a project, oldest first."""

from jobs_api import store
from jobs_api.api import Api
from jobs_api.jobs import JobDocument, JobList

app = Api()


@app.get("/api/v1/projects/<project_id>/jobs")
def list_jobs(project_id: str) -> JobList:
    """List the jobs configured for a project."""
    project, jobs = store.list_jobs(app.caller.organization_id, project_id)
    now = app.now
    return JobList(jobs=[JobDocument.of_job(job, project, now) for job in jobs], total=len(jobs))


lambda_handler = app.resolve
