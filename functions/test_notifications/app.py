"""POST .../notifications/test: sends a test to what is configured, and answers with what the receivers said."""

from concurrent.futures import ThreadPoolExecutor

from jobs_api import store
from jobs_api.api.resolver import Api
from jobs_api.errors import NothingConfigured
from jobs_api.notifications.probe import TestOutcome, test_slack, test_webhook
from jobs_api.store.waiting_calls import Waits, waits

app = Api()


@app.post("/api/v1/projects/<project_id>/jobs/<job_id>/notifications/test")
def test_notifications(project_id: str, job_id: str) -> TestOutcome:
    """Send a test message to the job's Slack channel and a test to its webhook, whichever it has, enabled or not.

    The answer is 200 whatever they said; each has ten seconds. An organization has five such calls at once.
    """
    project, job = store.get_job(app.caller.organization_id, project_id, job_id)
    channel, url = job.settings.slack_channel, job.settings.webhook_url
    if not channel and not url:
        raise NothingConfigured("The job has neither a slack_channel nor a webhook_url; set one first")
    with waits(project.organization_id, Waits.TESTS, app.now), ThreadPoolExecutor(2) as side_by_side:
        slack = side_by_side.submit(test_slack, project, job, channel) if channel else None
        webhook = side_by_side.submit(test_webhook, project, job, url, app.now) if url else None
    return TestOutcome(slack=slack.result() if slack else None, webhook=webhook.result() if webhook else None)


lambda_handler = app.resolve
