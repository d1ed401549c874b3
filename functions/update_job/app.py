"""PUT /api/v1/projects/{id}/jobs/{job_id}: changes the fields that are sent; a sync then changes the CronJob."""

from collections.abc import Mapping
from typing import Annotated, Any

from aws_lambda_powertools.event_handler.openapi.params import Body

from jobs_api.api.body_schemas import schema_of
from jobs_api.api.resolver import Api
from jobs_api.edits import single
from jobs_api.model.job import Job
from jobs_api.model.job_document import JobDocument
from jobs_api.model.job_settings import JobSettings
from jobs_api.model.project import Project
from jobs_api.pulse import queue
from jobs_api.sealing import environment, webhook
from jobs_api.store import chain_checks
from jobs_api.store.chain_edits import ChainEdit

app = Api()


@app.put("/api/v1/projects/<project_id>/jobs/<job_id>")
def update_job(
    project_id: str, job_id: str, changes: Annotated[dict[str, Any], Body(), schema_of(JobSettings, partial=True)]
) -> JobDocument:
    """Change a job.

    The merged job must obey every rule. If somebody else wrote first, the same changes are applied to their version.
    """
    written = single.change_one_job(
        app.caller.organization_id,
        project_id,
        job_id,
        lambda project, job: _changed(job, changes, project),
        app.written_by,
    )
    job = written.job
    if written.changed:
        queue.job_changed(job.organization_id, job.project_id, job.id)
    return JobDocument.of_job(job, written.project, app.now, webhook_secret=written.key)


def _changed(job: Job, changes: Mapping[str, Any], project: Project) -> tuple[Job, ChainEdit]:
    with chain_checks.all_faults_of(project, changes, job.id):
        after = job.changed(changes, project, app.now, webhook.headers_of, environment.values_of)
    return after, chain_checks.of_change(job, after, project)


lambda_handler = app.resolve
