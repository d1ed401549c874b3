"""POST .../notifications/rotate-secret: makes a new signing secret for webhooks; the old one also signs for a day."""

from jobs_api import store
from jobs_api.api.resolver import Api
from jobs_api.errors import NothingConfigured
from jobs_api.model.audit import AuditAction
from jobs_api.model.document import Document, Timestamp
from jobs_api.pulse import queue
from jobs_api.sealing import webhook

app = Api()


class RotatedSecret(Document):
    """A new signing secret, shown only once; until `previous_accepted_until` webhooks also have the old signature."""

    webhook_secret: str
    previous_accepted_until: Timestamp


@app.post("/api/v1/projects/<project_id>/jobs/<job_id>/notifications/rotate-secret")
def rotate_webhook_secret(project_id: str, job_id: str) -> RotatedSecret:
    """Make a new signing secret. Give it to the receiver within a day: until then every webhook is signed with both."""
    _, before = store.get_job(app.caller.organization_id, project_id, job_id)
    if not before.settings.webhook_url:
        raise NothingConfigured("The job has no webhook_url, so there is nothing to sign; set one first")
    after, key, until = webhook.rotated(before, app.now)
    store.update_job(before, after, app.written_by, AuditAction.JOB_ROTATE_SECRET)
    queue.job_changed(after.organization_id, after.project_id, after.id)
    return RotatedSecret(webhook_secret=key, previous_accepted_until=until)


lambda_handler = app.resolve
