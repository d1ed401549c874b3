"""Sends a delivery to Slack if it should have its own message; otherwise folds it into another one, or waits."""

import hashlib
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final

from aws_lambda_powertools import Logger

from jobs_api import store
from jobs_api.clock import Clock
from jobs_api.errors import NotFound
from jobs_api.logs import archive
from jobs_api.logs.excerpt import Excerpt, excerpt
from jobs_api.model.alert_targets import Event
from jobs_api.model.delivery import Delivery, DeliveryStatus
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.model.run import Run, Streak
from jobs_api.notifications.attempt import Sent, TestResult
from jobs_api.notifications.run_page import run_page
from jobs_api.notifications.slack import client, grouping, record
from jobs_api.notifications.slack import message as messages
from jobs_api.notifications.slack.bot_token import forget_bot_token
from jobs_api.notifications.slack.grouping import Action, AlertDecision, AlertKind, Fact
from jobs_api.notifications.slack.memory import Gathering, Member, Notice, Storms
from jobs_api.notifications.slack.target import SlackTarget
from jobs_api.redaction import masking
from jobs_api.sealing import environment
from jobs_api.store import deliveries

NO_EXCERPT: Final = Excerpt([], "")
# How much of each job's error is kept in a list: the list is part of the stored state of a channel.
SAID_LIMIT: Final = 240
EXCERPT_SECONDS: Final = 8.0
# One thread for each message that is sent at the same time. Reading a log that takes too long continues, but no message
# waits for it.
_reading: Final = ThreadPoolExecutor(10, thread_name_prefix="excerpt")

logger = Logger()


def begin(delivery: Delivery, run: Run, now: datetime, lease: timedelta) -> Delivery | None:
    """Decide what to do with a new delivery, and claim it where it is to be sent.

    Returns:
        The delivery as written: claimed, waiting, or folded. None where it exists, or where others kept writing first.
    """
    fact = _fact(delivery, run, now)

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
    for _ in range(deliveries.CHANGING_ATTEMPTS):
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
    message = messages.message(_facts(delivery, run))
    return posted(delivery.organization_id, target.channel, message)


def gave_up(delivery: Delivery, now: datetime) -> None:
    """Record that the channel did not get the message, so that the next one does not wait until a reminder is due."""
    target, notice = SlackTarget.of(delivery.alerts), _notice(delivery)
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


def failure_group(run: Run) -> str:
    """Return a text that is the same for runs that failed for one cause.

    Their log gives the cause where there is a log; else it is their error without names and numbers.
    """
    if run.failure_cause:
        return run.failure_cause
    said = (run.error_message or run.status.value).lower()
    for name in (run.job_name, run.cronjob_name, run.pod_name or "", run.id):
        said = said.replace(name.lower(), "") if name else said
    plain = re.sub(r"0x[0-9a-f]+|[0-9a-f]{8,}|\d+", "#", said)
    return hashlib.sha256(" ".join(plain.split()).encode()).hexdigest()[:16]


def _notice(delivery: Delivery) -> Notice | None:
    return Notice.model_validate(delivery.notice) if delivery.notice else None


def _fact(delivery: Delivery, run: Run, now: datetime) -> Fact:
    target = SlackTarget.of(delivery.alerts)
    return Fact(
        delivery_id=delivery.id,
        member=Member(
            job_id=run.job_id,
            job_name=delivery.alerts.job_name,
            run_id=run.id,
            attempts=run.attempt,
            said=messages.cut(masking.masked(_said(delivery, run)), SAID_LIMIT),
        ),
        event=delivery.event,
        ended_at=run.end_time or run.updated_at,
        now=now,
        cause=failure_group(run) if delivery.event is Event.FAILURE else "",
        succeeded_since=delivery.event is Event.FAILURE and store.has_succeeded_since(run),
        awaited=_was_told_before(run),
        tells_failures=bool(target and target.failures),
        tells_successes=bool(target and (target.successes or (target.warnings and run.warned))),
    )


def _said(delivery: Delivery, run: Run) -> str:
    """Return what a list of jobs says of this one."""
    if delivery.event is Event.FAILURE:
        return run.error_message or ""
    return run.message or "" if delivery.run else ""


def _was_told_before(run: Run) -> bool:
    """Return whether a channel was told that a run was late or took long, before its end was seen."""
    return any(at and at < run.updated_at for at in (run.late_at, run.long_at))


def _facts(delivery: Delivery, run: Run) -> messages.MessageFacts:
    notice = _notice(delivery) or Notice(kind=_plain_kind(delivery.event))
    kind = AlertKind(notice.kind)
    tells_why = kind in {AlertKind.FAILING, AlertKind.REMINDER}
    return messages.MessageFacts(
        kind=kind,
        project_name=delivery.alerts.project_name,
        job_name=delivery.alerts.job_name,
        run=run,
        stored=delivery.run is None,
        streak=store.streak_before(run) if tells_why or kind is AlertKind.RECOVERED else Streak(),
        usual=store.durations_before(run) if kind in {AlertKind.LATE, AlertKind.LONG} else [],
        succeeded_since=tells_why and store.has_succeeded_since(run),
        excerpt=_excerpt_in_time(run) if tells_why and not delivery.cut_off else NO_EXCERPT,
        members=notice.members,
        more=notice.more,
        secrets=_secrets(delivery) if tells_why else [],
        run_page=run_page,
    )


def _plain_kind(event: Event) -> AlertKind:
    kinds = {Event.FAILURE: AlertKind.FAILING, Event.LATE: AlertKind.LATE, Event.LONG: AlertKind.LONG}
    return kinds.get(event, AlertKind.SUCCESS)


def _excerpt_in_time(run: Run) -> Excerpt:
    """Read the excerpt of the log, or nothing where that takes too long: no alert should be late."""
    reading = _reading.submit(_excerpt, run)
    try:
        return reading.result(EXCERPT_SECONDS)
    except TimeoutError:
        reading.cancel()
        logger.warning("a log took too long to be read, and is not quoted", run_id=run.id)
        return NO_EXCERPT


def _excerpt(run: Run) -> Excerpt:
    """Read why the log says that the run failed, or its end. Some runs have no log, and old logs expire."""
    if run.log is None or not run.status.ended:
        return NO_EXCERPT
    try:
        return excerpt(archive.read_log_end(run.log))
    except NotFound:
        return NO_EXCERPT


def _secrets(delivery: Delivery) -> list[str]:
    """Return the secrets of the job's own environment, which its log may contain."""
    try:
        _, job = store.get_job(delivery.organization_id, delivery.project_id, delivery.job_id)
    except NotFound:
        return []
    return masking.secret_values(environment.values_of(job))
