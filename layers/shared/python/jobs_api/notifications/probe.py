"""Tests of a job's notifications: what is configured is tried now, and what the receivers said is told."""

from datetime import datetime

from jobs_api.ids import new_id
from jobs_api.model.document import Absent, Document
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.notifications.attempt import Sent
from jobs_api.notifications.slack import message as messages
from jobs_api.notifications.slack import sending as slack_sending
from jobs_api.notifications.webhook import payload
from jobs_api.notifications.webhook import sending as webhook_sending
from jobs_api.redaction.masking import SHORTEST_VALUE, masked, shown
from jobs_api.sealing import webhook as webhook_secrets


class TestResult(Document):
    """How one test went; `answer` is how the receiver's own answer begins."""

    __test__ = False  # pytest takes every Test… for one of its own

    delivered: bool
    status_code: Absent[int] = None
    error: Absent[str] = None
    answer: Absent[str] = None


class TestOutcome(Document):
    """How the test of each configured channel went."""

    __test__ = False

    slack: Absent[TestResult] = None
    webhook: Absent[TestResult] = None


def test_slack(project: Project, job: Job, channel: str) -> TestResult:
    """Post a test message."""
    message = messages.test_message(project.settings.name, job.settings.name)
    return _result(slack_sending.posted(job.organization_id, channel, message))


def test_webhook(project: Project, job: Job, url: str, now: datetime) -> TestResult:
    """Send a test, signed and with the job's own headers as any webhook."""
    body = payload.test_body(
        payload.Named(id=project.id, name=project.settings.name),
        payload.Named(id=job.id, name=job.settings.name),
        now,
    )
    keys = webhook_secrets.open_keys(job.webhook, job.organization_id, job.id, now)
    signed = payload.headers(new_id("test_"), body, keys, now)
    extra = webhook_secrets.headers_of(job)
    sent, answer = webhook_sending.answered(url, body, {**extra, **signed})
    # A receiver may send back what it was sent.
    own = [value for value in (*extra.values(), *keys) if len(value) >= SHORTEST_VALUE]
    return _result(sent, masked(answer, own))


def _result(sent: Sent, answer: str = "") -> TestResult:
    error = shown(sent.error) if sent.error else None
    return TestResult(delivered=sent.delivered, status_code=sent.status_code, error=error, answer=answer or None)
