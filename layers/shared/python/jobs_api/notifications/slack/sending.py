"""Sends a delivery to Slack if it should have its own message; otherwise folds it into another one, or waits."""

from collections.abc import Callable
from datetime import datetime, timedelta

from aws_lambda_powertools import Logger

from jobs_api.clock import Clock
from jobs_api.model.delivery import Delivery, DeliveryStatus
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.model.run import Run
from jobs_api.notifications.attempt import Sent, TestResult
from jobs_api.notifications.slack import client, grouping, record
from jobs_api.notifications.slack import message as messages
from jobs_api.notifications.slack.alert_decision import Action, AlertDecision, AlertKind
from jobs_api.notifications.slack.alert_facts import fact_of, message_facts, notice_of
from jobs_api.notifications.slack.bot_token import forget_bot_token
from jobs_api.notifications.slack.memory import Gathering, Notice, Storms
from jobs_api.notifications.slack.target import SlackTarget
from jobs_api.store import channel_memory, deliveries

logger = Logger()


def begin(delivery: Delivery, run: Run, now: datetime, lease: timedelta) -> Delivery | None:
    """Decide what to do with a new delivery, and claim it where it is to be sent.

    Returns:
        The delivery as written: claimed, waiting, or folded. None where it exists, or where others kept writing first.
    """
    fact = fact_of(delivery, run, now)

    def decide(known: Storms) -> tuple[Storms, AlertDecision, Gathering | None]:
        return *grouping.decide(known, fact), None

    return _decide(delivery, None, decide, now, lease)


def resume(delivery: Delivery, now: datetime, lease: timedelta) -> Delivery | None:
    """Claim a delivery that is due again, if it should still have a message; as `begin`."""
    if not (delivery.attempts == 0 and delivery.reason):
        return deliveries.claim(delivery, now, lease)

    def decide(known: Storms) -> tuple[Storms, AlertDecision, Gathering | None]:
        return grouping.wake(known, delivery.id, delivery.job_id, now)

    return _decide(delivery, delivery, decide, now, lease)


def _decide(
    delivery: Delivery,
    before: Delivery | None,
    decide: Callable[[Storms], tuple[Storms, AlertDecision, Gathering | None]],
    now: datetime,
    lease: timedelta,
) -> Delivery | None:
    """Decide by what the channel knows, and write both together; repeat that where the channel's state has changed."""
    target = SlackTarget.of(delivery.alerts)
    channel = target.channel if target else ""
    for _ in range(channel_memory.CHANGING_ATTEMPTS):
        known, version = record.storms_in(delivery.project_id, channel)
        after, decision, gathering = decide(known)
        written = decided(delivery, decision, gathering, now, lease)
        if decision.quiet and after == known:
            return written
        if record.record_grouping(channel, after, version, written, before):
            return written
        current = deliveries.find(delivery.id)
        if current and (before is None or current.updated_at != before.updated_at):
            return None
    return None


def decided(
    delivery: Delivery, decision: AlertDecision, gathering: Gathering | None, now: datetime, lease: timedelta
) -> Delivery:
    """Return a delivery with a decision applied."""
    kind = decision.kind or AlertKind.FAILING
    notice = Notice(kind=kind, members=gathering.members, more=gathering.more) if gathering else Notice(kind=kind)
    if decision.action is Action.SEND:
        return deliveries.claimed(delivery, now, lease).model_copy(update={"notice": notice.model_dump(mode="json")})
    waits = decision.action is Action.WAIT
    return delivery.model_copy(
        update={
            "status": DeliveryStatus.PENDING if waits else DeliveryStatus.FOLDED,
            "notice": notice.model_dump(mode="json"),
            "reason": decision.because,
            "folded_into": decision.into,
            "next_attempt_at": decision.until,
            "updated_at": now,
        }
    )


def send(delivery: Delivery, run: Run, _: Clock) -> Sent:
    """Build and post the message of a claimed delivery."""
    target = SlackTarget.of(delivery.alerts)
    if target is None:
        return Sent(error="The job has no Slack channel", permanent=True)
    message = messages.message(message_facts(delivery, run))
    return posted(delivery.organization_id, target.channel, message)


def gave_up(delivery: Delivery, now: datetime) -> None:
    """Record that the channel did not get the message, so that the next one does not wait until a reminder is due."""
    target, notice = SlackTarget.of(delivery.alerts), notice_of(delivery)
    if target and notice and notice.kind in {AlertKind.FAILING, AlertKind.REMINDER}:

        def take_back(known: Storms) -> Storms:
            return grouping.not_reached(known, notice, delivery.job_id, now)

        record.change_storms(delivery.project_id, target.channel, take_back, now)


def test(project: Project, job: Job, now: datetime) -> TestResult:  # noqa: ARG001 - as for webhooks
    """Post a test message."""
    message = messages.test_message(project.settings.name, job.settings.name)
    return TestResult.of(posted(job.organization_id, job.settings.slack_channel or "", message))


def forget(organization_id: str) -> None:
    """Remove the organization's bot token."""
    forget_bot_token(organization_id)


def posted(organization_id: str, channel: str, message: dict[str, object]) -> Sent:
    """Post a message and return the result."""
    try:
        status = client.post(organization_id, channel, message)
    except client.SlackFailed as failed:
        return Sent(
            status_code=failed.status,
            error=str(failed),
            permanent=failed.permanent,
            retry_after=failed.retry_after,
        )
    return Sent(delivered=True, status_code=status)
