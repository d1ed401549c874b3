"""Takes a message from the pulse queue: makes the passes, decides when the next one is due, and sends its pulse.

Each pass takes a generation, so that one pass over an organization runs at a time. docs/reliability.md says what
happens where a process dies between two of the steps; nothing is done twice.
"""

import os
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from aws_lambda_powertools import Logger

from jobs_api import cluster
from jobs_api.clock import Clock
from jobs_api.collecting.carried import Carried
from jobs_api.errors import NotFound
from jobs_api.ingest import log_collecting
from jobs_api.ingest.log_collecting import Followers
from jobs_api.metrics import Metric, publish
from jobs_api.model.organization import Organization
from jobs_api.pulse import passes, queue
from jobs_api.pulse.next_pulse import SOONEST, Pace, PassFacts, may_announce, next_pulse, spare_after
from jobs_api.pulse.queue import PulseMessage
from jobs_api.store import pulses
from jobs_api.sync import Scope

# When a sync is repeated after one that left something to do.
SYNC_AGAIN: Final = timedelta(minutes=1)
ATTEMPTS: Final = 3

logger = Logger()


def handle(message: PulseMessage, clock: Clock) -> None:
    """Make the passes that a message requests; none where it is superseded, or another pass has done them.

    Where a pass fails, the pulse is sent all the same, and repeats the pass later. Raises what the tables or the queue
    raise, so that SQS delivers the message again.
    """
    if message.changed:
        scope = Scope(organization_id=message.organization_id, project_id=message.project_id, job_id=message.job_id)
        _sync(scope, clock)
        # The sync made jobs whose next slots this pass needs.
        message = PulseMessage(message.organization_id, asked_at=clock())
    elif message.if_overdue:
        there = pulses.current_organization(message.organization_id)
        if there is None or not there.pulse.is_overdue(clock()):
            return
        message = PulseMessage(message.organization_id, asked_at=clock())
    organization = _begin(message, clock())
    if organization is None:
        if message.carried:
            _write_unreadable(message)
        return
    if organization.retired_at:
        pulses.end_pass(organization, None, None, asked=True)
        return
    # Following logs may take longer than until the next pass, which does not wait for it.
    with passes.following_logs() as followers:
        _pass(organization, message, clock, followers)


def _write_unreadable(message: PulseMessage) -> None:
    """Write the texts that a superseded message carries of logs that cannot be read any more."""
    organization = pulses.current_organization(message.organization_id)
    if organization:
        Carried.of(organization.id, message.carried).write_unreadable(lambda: cluster.connect(organization))


def _pass(organization: Organization, message: PulseMessage, clock: Clock, followers: Followers) -> None:
    requested = message.generation is None
    carried = Carried.of(organization.id, message.carried, more_on_the_way=requested, on_part=log_collecting.note_part)
    facts = _ingest(organization, clock, followers, carried)
    if message.asked_at:
        # An index may not show the run of the request yet.
        facts = replace(facts, moving=True)
    is_sync_due = facts.unreached_since is None and (facts.pause_ended or organization.pulse.is_sync_due(clock()))
    try:
        _end(organization, facts, carried, clock(), is_sync_due=is_sync_due, asked=message.asked_at is not None)
    except Exception:
        # The pass counts as running until its time is over, or it has announced the next one. Without this request,
        # that would wait for a tick.
        now = clock()
        next_at = organization.pulse.due_at or now + pulses.BUSY_FOR
        queue.ask_later(PulseMessage(organization.id, asked_at=next_at), next_at - now)
        raise
    if is_sync_due:
        # A first sync may take minutes. The next pass does not wait for it, so that ended runs are seen.
        _sync(Scope(organization_id=organization.id), clock)


def pace() -> Pace:
    """Return how often this deployment makes passes."""
    seconds = int(os.environ["PULSE_SECONDS"]), int(os.environ["IDLE_PULSE_SECONDS"])
    return Pace(*(timedelta(seconds=one) for one in seconds))


def _begin(message: PulseMessage, now: datetime) -> Organization | None:
    """Return the organization whose pass begins; None where nothing is due, or another pass will do it."""
    if message.generation is not None:
        announced = now + pace().open_runs if message.announces else None
        return pulses.begin_pass(message.organization_id, message.generation, now, announced)
    asked_at, there = message.asked_at or now, None
    for _ in range(ATTEMPTS):
        if organization := pulses.begin_asked_pass(message.organization_id, asked_at, now):
            return organization
        there = pulses.current_organization(message.organization_id)
        if there is None:
            return None
        began_at = there.pulse.began_at
        if began_at and asked_at + pulses.CLOSEST <= began_at <= now + pulses.CLOSEST:
            return None
        if not there.pulse.is_busy(now):
            break
        if there.pulse.asked_at or pulses.ask_busy_pass(there, asked_at):
            return None
    # The last pass began just now: the next one follows it, and does everything that is requested until then. So of
    # many requests one or two come again; the others find that these do.
    if there and not there.pulse.is_asked_about(asked_at) and queue.ask_later(message, pulses.CLOSEST):
        pulses.note_asked(there, asked_at)
    return None


def _ingest(organization: Organization, clock: Clock, followers: Followers, carried: Carried) -> PassFacts:
    try:
        ingested = passes.ingest_runs(organization, clock, followers, carried)
    except Exception:
        logger.exception("an ingest failed", organization_id=organization.id)
        publish({Metric.INGEST_ERRORS: 1})
        return PassFacts(incomplete=True)
    if ingested.error:
        publish({Metric.INGEST_ERRORS: 1})
    return ingested.facts


def _end(
    organization: Organization, facts: PassFacts, carried: Carried, now: datetime, *, is_sync_due: bool, asked: bool
) -> None:
    """Record when the next pass is due, and send its pulse; do nothing where another pass has begun meanwhile.

    Nothing is recorded where the pass announced that moment as it began.
    """
    usual, pulse = pace(), organization.pulse
    # An operator may be waiting for CronJobs to be removed.
    hurry = organization.leaving_at or organization.held_removals
    sync_due_at = now + min(usual.latest, SYNC_AGAIN if hurry else usual.latest) if is_sync_due else None
    facts = replace(facts, sync_due_at=sync_due_at or pulse.sync_due_at)
    due_at = next_pulse(facts, now, usual)
    is_announced = not is_sync_due and pulse.is_due_about(due_at)
    if not is_announced and not pulses.end_pass(organization, due_at, sync_due_at):
        # Another pass was requested meanwhile, or began because this one seemed to have died.
        due_at = min(due_at, now + SOONEST)
        if not pulses.end_pass(organization, due_at, sync_due_at, asked=True):
            carried.write_all()
            return
    due_in = due_at - now
    announces = may_announce(due_in, now - (pulse.began_at or now), usual)
    message = PulseMessage(organization.id, pulse.generation, announces=announces, carried=tuple(carried.next()))
    if not queue.send_pulse(message, due_in, spare_after(due_in, pulse.generation, usual, asked=asked)):
        carried.write_all()


def _sync(scope: Scope, clock: Clock) -> None:
    """Make CronJobs match; what is left to do is repeated later, for the whole organization."""
    try:
        done = passes.sync_cronjobs(scope, clock())
        if not done["failing"] and not done["left"]:
            return
    except NotFound:
        return
    except Exception:
        logger.exception("a sync failed", **scope.model_dump(exclude_none=True))
        publish({Metric.SYNC_ERRORS: 1})
    delay = min(SYNC_AGAIN, pace().latest)
    pulses.sync_sooner(scope.organization_id, clock() + delay)
    queue.ask_later(PulseMessage(scope.organization_id, asked_at=clock() + delay), delay)
