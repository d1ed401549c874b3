"""POST /api/v1/projects/{id}/jobs/{job_id}/rollback: gives a job the fields of one of its versions again."""

from typing import Annotated, Any

from aws_lambda_powertools.event_handler.openapi.params import Body

from jobs_api.api.body_schemas import schema_of
from jobs_api.api.resolver import Api
from jobs_api.edits import single
from jobs_api.errors import InvalidRequest
from jobs_api.model.audit import AuditAction
from jobs_api.model.job import Job
from jobs_api.model.job_document import JobDocument
from jobs_api.model.job_history import RollbackRequest, version_not_kept
from jobs_api.model.project import Project
from jobs_api.pulse import queue
from jobs_api.sealing import environment, webhook
from jobs_api.store import chain_checks, history
from jobs_api.store.chain_edits import ChainEdit

app = Api(idempotent=True)


@app.post("/api/v1/projects/<project_id>/jobs/<job_id>/rollback")
def rollback_job(
    project_id: str, job_id: str, document: Annotated[dict[str, Any], Body(), schema_of(RollbackRequest)]
) -> JobDocument:
    """Change a job to what one of its versions was; that makes a new version.

    It is a PUT of all fields of that version, so the rules of today apply. A masked value stands for the value that the
    job has now in the same variable or header. If somebody else wrote first, their version is rolled back.
    """
    written = single.change_one_job(
        app.caller.organization_id,
        project_id,
        job_id,
        lambda project, job: _restored(job, RollbackRequest.checked(document).version, project),
        app.written_by,
        AuditAction.JOB_ROLLBACK,
    )
    job = written.job
    if written.changed:
        queue.job_changed(job.organization_id, job.project_id, job.id)
    return JobDocument.of_job(job, written.project, app.now, webhook_secret=written.key)


def _restored(job: Job, wanted: int, project: Project) -> tuple[Job, ChainEdit]:
    version = history.get_version(job, wanted, app.now)
    if version is None:
        raise version_not_kept(job, wanted)
    version.check_time(app.now)
    try:
        after = job.changed(version.changes(), project, app.now, webhook.headers_of, environment.values_of)
        return after, chain_checks.of_change(job, after, project)
    except InvalidRequest as invalid:
        raise version.cannot_be_restored(invalid) from invalid


lambda_handler = app.resolve
