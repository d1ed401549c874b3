"""PUT /api/v1/projects/{id}/jobs/{job_id}: changes the fields that are sent; a sync then changes the CronJob."""

from typing import Annotated, Any

from aws_lambda_powertools.event_handler.openapi.params import Body

from jobs_api import store
from jobs_api.api.resolver import Api, schema_of
from jobs_api.errors import ChangedMeanwhile
from jobs_api.model.job_document import JobDocument
from jobs_api.model.job_settings import JobSettings
from jobs_api.pulse import queue
from jobs_api.sealing import environment, job, webhook
from jobs_api.store import chain_checks

app = Api()
ATTEMPTS = 3


@app.put("/api/v1/projects/<project_id>/jobs/<job_id>")
def update_job(
    project_id: str, job_id: str, changes: Annotated[dict[str, Any], Body(), schema_of(JobSettings, partial=True)]
) -> JobDocument:
    """Change a job.

    The merged job must obey every rule. If somebody else wrote first, the same changes are applied to their version.
    """
    for attempt in range(1, ATTEMPTS + 1):
        project, before = store.get_job(app.caller.organization_id, project_id, job_id)
        after = before.changed(changes, project, app.now, webhook.headers_of, environment.values_of)
        if after is before:
            return JobDocument.of_job(before, project, app.now)
        chain = chain_checks.of_change(before, after, project)
        after, key = job.with_sealed_secrets(before, after)
        try:
            store.update_job(before, after, app.written_by, chain=chain)
        except ChangedMeanwhile:
            if attempt == ATTEMPTS:
                raise
        else:
            break
    queue.job_changed(after.organization_id, after.project_id, after.id)
    return JobDocument.of_job(after, project, app.now, webhook_secret=key)


lambda_handler = app.resolve
