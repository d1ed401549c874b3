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
from jobs_api.model.pulse import Pulse
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
        stored = pulses.current_organization(message.organization_id)
        if stored is None or not stored.pulse.is_overdue(clock()):
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
    if requested:
        # An index may not show the run of the request yet.
        facts = replace(facts, moving=True)
    is_sync_due = facts.unreached_since is None and (facts.pause_ended or organization.pulse.is_sync_due(clock()))
    try:
        _end(organization, facts, carried, clock(), is_sync_due=is_sync_due, asked=requested)
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
    if message.generation is None:
        return _begin_asked(message, message.asked_at or now, now)
    announced = now + pace().open_runs if message.announces else None
    return pulses.begin_pass(message.organization_id, message.generation, now, announced)


def _begin_asked(message: PulseMessage, asked_at: datetime, now: datetime) -> Organization | None:
    """Begin a requested pass; None where one has begun since the request, or one that comes does what is requested.

    A pass that runs gets a note, so that another one follows it at once. Where the last one began just now and runs no
    more, the message comes again a little later.
    """
    for _ in range(ATTEMPTS):
        if organization := pulses.begin_asked_pass(message.organization_id, asked_at, now):
            return organization
        stored = pulses.current_organization(message.organization_id)
        if stored is None or _has_begun_since(stored.pulse, asked_at, now):
            return None
        if not stored.pulse.is_busy(now):
            break
        if stored.pulse.asked_at or pulses.ask_busy_pass(stored, asked_at):
            return None
    # The next pass does everything that is requested until then. So of many requests one or two come again; the others
    # find that these do.
    if stored and not stored.pulse.is_asked_about(asked_at) and queue.ask_later(message, pulses.CLOSEST):
        pulses.note_asked(stored, asked_at)
    return None


def _has_begun_since(pulse: Pulse, asked_at: datetime, now: datetime) -> bool:
    """Return whether the last pass began after a request, by a clock that is right."""
    began_at = pulse.began_at
    return began_at is not None and asked_at + pulses.CLOSEST <= began_at <= now + pulses.CLOSEST


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
    """Record when the next pass is due, and send its pulse, unless another pass has begun meanwhile."""
    sync_due_at = now + _until_next_sync(organization) if is_sync_due else None
    facts = replace(facts, sync_due_at=sync_due_at or organization.pulse.sync_due_at)
    due_at = _record_due(organization, next_pulse(facts, now, pace()), sync_due_at, now)
    if due_at is None or not _send_pulse(organization, due_at, carried, now, asked=asked):
        carried.write_all()


def _until_next_sync(organization: Organization) -> timedelta:
    """Return how long after this sync the next one is due; an operator may be waiting for CronJobs to be removed."""
    hurry = organization.leaving_at or organization.held_removals
    return _sync_again_after() if hurry else pace().latest


def _sync_again_after() -> timedelta:
    return min(SYNC_AGAIN, pace().latest)


def _record_due(
    organization: Organization, due_at: datetime, sync_due_at: datetime | None, now: datetime
) -> datetime | None:
    """Record when the next pass is due, and return that; None where another pass has begun.

    It is due sooner where one was requested meanwhile. Nothing is written where this pass announced that time as it
    began, and makes no sync.
    """
    is_announced = sync_due_at is None and organization.pulse.is_due_about(due_at)
    if is_announced or pulses.end_pass(organization, due_at, sync_due_at):
        return due_at
    # Another pass was requested, or has begun because this one seemed to have died.
    sooner = min(due_at, now + SOONEST)
    return sooner if pulses.end_pass(organization, sooner, sync_due_at, asked=True) else None


def _send_pulse(organization: Organization, due_at: datetime, carried: Carried, now: datetime, *, asked: bool) -> bool:
    """Send the pulse of the next pass, with its spare if it has one; return whether the queue took it."""
    pulse, due_in = organization.pulse, due_at - now
    took = now - (pulse.began_at or now)
    message = PulseMessage(
        organization.id,
        pulse.generation,
        announces=may_announce(due_in, took, pace()),
        carried=tuple(carried.next()),
    )
    return queue.send_pulse(message, due_in, spare_after(due_in, pulse.generation, pace(), asked=asked))


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
    delay = _sync_again_after()
    pulses.sync_sooner(scope.organization_id, clock() + delay)
    queue.ask_later(PulseMessage(scope.organization_id, asked_at=clock() + delay), delay)
