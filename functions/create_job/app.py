"""POST /api/v1/projects/{id}/jobs: creates a job; a sync then makes its CronJob."""

from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body

from jobs_api import store
from jobs_api.api.body_schemas import schema_of
from jobs_api.api.resolver import Api
from jobs_api.edits import single
from jobs_api.model.job import Job
from jobs_api.model.job_document import JobDocument
from jobs_api.model.job_settings import JobSettings
from jobs_api.pulse import queue
from jobs_api.store import chain_checks

app = Api(idempotent=True)


@app.post("/api/v1/projects/<project_id>/jobs", status_code=HTTPStatus.CREATED)
def create_job(
    project_id: str, document: Annotated[dict[str, Any], Body(), schema_of(JobSettings)]
) -> Response[JobDocument]:
    """Create a job.

    1. Read the project, which decides the rules for the command and the webhooks, and the jobs of `run_after`.
    2. Seal the job's secrets, and write the job and the locks on its names in one transaction.
    3. Ask for a pass, so that a sync makes the CronJob within seconds.
    """
    project = store.get_project(app.caller.organization_id, project_id)
    with chain_checks.all_faults_of(project, document):
        settings = JobSettings.of(document, project, app.now)
    job = Job.new(app.new_id("job_"), settings, project, app.now)
    written = single.create_one_job(job, project, app.written_by)
    job = written.job
    queue.job_changed(job.organization_id, job.project_id, job.id)
    document_of_job = JobDocument.of_job(job, project, app.now, webhook_secret=written.key)
    return app.created(f"{app.current_event.path}/{job.id}", document_of_job)


lambda_handler = app.resolve
