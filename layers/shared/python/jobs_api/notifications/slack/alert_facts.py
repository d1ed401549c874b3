"""Facts about a run and its delivery to a Slack channel: those that group messages, and those that one shows."""

import hashlib
import re
from datetime import datetime
from typing import Final

from jobs_api import store
from jobs_api.errors import NotFound
from jobs_api.model.alert_targets import Event
from jobs_api.model.delivery import Delivery
from jobs_api.model.run import Run, Streak
from jobs_api.notifications.run_page import run_page
from jobs_api.notifications.slack import log_excerpt
from jobs_api.notifications.slack import message as messages
from jobs_api.notifications.slack.alert_decision import AlertKind, Fact
from jobs_api.notifications.slack.blocks import cut
from jobs_api.notifications.slack.log_excerpt import NO_EXCERPT
from jobs_api.notifications.slack.memory import Member, Notice
from jobs_api.notifications.slack.target import SlackTarget
from jobs_api.redaction import masking
from jobs_api.sealing import environment

# How much of each job's error is kept in a list: the list is part of the stored state of a channel.
SAID_LIMIT: Final = 240


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


def notice_of(delivery: Delivery) -> Notice | None:
    """Return what was decided that the message says, None before that."""
    return Notice.model_validate(delivery.notice) if delivery.notice else None


def fact_of(delivery: Delivery, run: Run, now: datetime) -> Fact:
    """Return what decides about a delivery that arrives now."""
    target = SlackTarget.of(delivery.alerts)
    return Fact(
        delivery_id=delivery.id,
        member=Member(
            job_id=run.job_id,
            job_name=delivery.alerts.job_name,
            run_id=run.id,
            attempts=run.attempt,
            said=cut(masking.masked(_error_on_list(delivery, run)), SAID_LIMIT),
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


def _error_on_list(delivery: Delivery, run: Run) -> str:
    """Return what a list of jobs says of this one."""
    if delivery.event is Event.FAILURE:
        return run.error_message or ""
    return run.message or "" if delivery.run else ""


def _was_told_before(run: Run) -> bool:
    """Return whether a channel was told that a run was late or took long, before its end was seen."""
    return any(at and at < run.updated_at for at in (run.late_at, run.long_at))


def message_facts(delivery: Delivery, run: Run) -> messages.MessageFacts:
    """Return what the message of a delivery shows."""
    notice = notice_of(delivery) or Notice(kind=_plain_kind(delivery.event))
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
        excerpt=log_excerpt.excerpt_in_time(run) if tells_why and not delivery.cut_off else NO_EXCERPT,
        members=notice.members,
        more=notice.more,
        secrets=secrets_of_job(delivery) if tells_why else [],
        run_page=run_page,
    )


def _plain_kind(event: Event) -> AlertKind:
    kinds = {Event.FAILURE: AlertKind.FAILING, Event.LATE: AlertKind.LATE, Event.LONG: AlertKind.LONG}
    return kinds.get(event, AlertKind.SUCCESS)


def secrets_of_job(delivery: Delivery) -> list[str]:
    """Return the secrets of the job's own environment, which its log may contain."""
    try:
        _, job = store.get_job(delivery.organization_id, delivery.project_id, delivery.job_id)
    except NotFound:
        return []
    return masking.secret_values(environment.values_of(job))
