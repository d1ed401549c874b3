"""POST .../notifications/test: sends a test to the job's channels, and returns the answers of the receivers."""

from jobs_api import store
from jobs_api.api.resolver import Api
from jobs_api.errors import NothingConfigured
from jobs_api.model.audit import AuditAction, entry
from jobs_api.notifications import channels
from jobs_api.notifications.probe import TestOutcome, test_all
from jobs_api.store import audit
from jobs_api.store.waiting_calls import Waits, waits

app = Api()
channels.load_senders()


@app.post("/api/v1/projects/<project_id>/jobs/<job_id>/notifications/test")
def test_notifications(project_id: str, job_id: str) -> TestOutcome:
    """Send a test through each channel for which the job has an address, whether or not it is enabled.

    The call answers 200 whatever the receivers answer; each has ten seconds. An organization may make five such calls
    at once.
    """
    project, job = store.get_job(app.caller.organization_id, project_id, job_id)
    configured = channels.with_address(job)
    if not configured:
        fields = " nor a ".join(channel.address_field for channel in channels.CHANNELS)
        raise NothingConfigured(f"The job has neither a {fields}; set one first")
    written = entry(
        app.written_by,
        AuditAction.JOB_TEST_NOTIFICATIONS,
        project.organization_id,
        job.id,
        project_id=project.id,
        job_id=job.id,
    )
    with waits(project.organization_id, Waits.TESTS, app.now):
        # Before anything is sent, so that a test whose function dies has its entry too.
        audit.record(written)
        return test_all(project, job, configured, app.now)


lambda_handler = app.resolve
