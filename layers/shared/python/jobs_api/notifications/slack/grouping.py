"""Which ends of runs get a message in a Slack channel, so that a storm of failures becomes a few messages.

Facts in, decision out. A channel gets a message when a job begins to fail, reminders at growing intervals while it
continues to fail, and one message when it succeeds again. Jobs of a project that begin to fail for one cause at about
the same time share a message; so do jobs that recover. A decision is written together with the delivery that it is
about, so that each run counts once, however often and in whatever order the messages about its end arrive.

That a run is late or takes long is no failure: it gets a message of its own, which other jobs of the project may share,
and changes nothing of what the channel knows about failures. So does the success that such a message made people wait
for.
"""

from datetime import datetime, timedelta
from typing import Final

from jobs_api.model.alert_targets import Event
from jobs_api.notifications.slack.alert_decision import Action, AlertDecision, AlertKind, Fact, folded
from jobs_api.notifications.slack.gathering import (
    AWAITED,
    KINDS_OF_LISTS,
    RECOVERY,
    gather,
    gather_news,
    marked_recovered,
    recovery_taken_back,
    said_where_it_is_late,
    with_job,
    with_window,
)
from jobs_api.notifications.slack.memory import Gathering, JobStorm, Notice, Storms

FIRST_REMINDER: Final = timedelta(hours=1)
LONGEST_REMINDER: Final = timedelta(hours=24)
# A job may fail and recover in turn. Within FLAPPING it gets this many messages, and then one with its last state.
MOST_CHANGES: Final = 3
FLAPPING: Final = timedelta(hours=1)
# After a message could not be delivered, how soon another failure may send one: otherwise each failure would try.
TRY_AFTER: Final = timedelta(minutes=5)
FORGET_AFTER: Final = timedelta(days=2)


def decide(storms: Storms, fact: Fact) -> tuple[Storms, AlertDecision]:
    """Decide what to do about an event of a run that was not counted yet."""
    storms = _without_the_old(storms, fact.now)
    if fact.event in {Event.LATE, Event.LONG}:
        return gather_news(storms, fact, fact.event)
    job = storms.jobs.get(fact.member.job_id)
    if fact.event is Event.FAILURE:
        known = job or JobStorm(newest=fact.ended_at)
        is_late = fact.ended_at < known.newest or (fact.succeeded_since and known.failing_since is None)
        return _late_failure(storms, known, fact) if is_late else _failure(storms, known, fact)
    if job is None or fact.ended_at < job.newest or job.failing_since is None:
        return _plain_success(storms, job, fact)
    return _recovery(storms, job, fact)


def wake(
    storms: Storms, delivery_id: str, job_id: str, now: datetime
) -> tuple[Storms, AlertDecision, Gathering | None]:
    """Decide what to do with a delivery that has waited until now; return the list that gathered for it too."""
    for cause, window in storms.windows.items():
        gathering = window.gathering
        if gathering and gathering.leader == delivery_id:
            after = with_window(storms, cause, window.model_copy(update={"gathering": None}))
            for member in gathering.members:
                after = _with_job_told(after, member.job_id, delivery_id, now)
            if not gathering.members:
                return after, folded("the job fails again, as the channel knows"), None
            kind = KINDS_OF_LISTS.get(cause, AlertKind.FAILING)
            return after, AlertDecision(Action.SEND, kind), gathering
    job = storms.jobs.get(job_id)
    if job and job.failing_since and job.waits_in == delivery_id:
        return _with_job_told(storms, job_id, delivery_id, now), AlertDecision(Action.SEND, AlertKind.FAILING), None
    return storms, folded("the job has recovered meanwhile, or another message says its state"), None


def not_reached(storms: Storms, notice: Notice, job_id: str, now: datetime) -> Storms:
    """Take back that a message about a job, or about those on a list, reached the channel: it was given up.

    A failure a little later sends a reminder, as if that were due.
    """
    jobs = dict(storms.jobs)
    for name in [member.job_id for member in notice.members] or [job_id]:
        job = jobs.get(name)
        if job and job.told:
            reminders = max(0, job.reminders - (notice.kind == AlertKind.REMINDER))
            told_at = now + TRY_AFTER - reminder_interval(reminders)
            jobs[name] = job.model_copy(update={"told_at": told_at, "reminders": reminders})
    return storms.model_copy(update={"jobs": jobs})


def reminder_interval(reminders: int) -> timedelta:
    """Return how long a job fails until the next reminder, after so many reminders."""
    return min(FIRST_REMINDER * (1 << min(reminders, 10)), LONGEST_REMINDER)


def _failure(storms: Storms, job: JobStorm, fact: Fact) -> tuple[Storms, AlertDecision]:
    if job.failing_since is None:
        begun = {"newest": fact.ended_at, "failing_since": fact.ended_at}
        storms, taken_back = recovery_taken_back(storms, fact.member.job_id)
        if not taken_back:
            return _begins_to_fail(storms, job.model_copy(update={**begun, "told": False, "reminders": 0}), fact)
        job = job.model_copy(update={**begun, "told": True, "waits_in": None})
    job = job.model_copy(update={"newest": fact.ended_at})
    if not job.told or job.told_at is None:
        return with_job(storms, fact, job), folded("a message about this failure is waiting to be sent", job.waits_in)
    if fact.now < job.told_at + reminder_interval(job.reminders):
        return with_job(storms, fact, job), folded(
            "the channel knows that the job fails; a reminder follows if it continues to fail"
        )
    told = {"told_at": fact.now, "reminders": job.reminders + 1, "failure_told_for": fact.ended_at}
    return with_job(storms, fact, job.model_copy(update=told)), AlertDecision(Action.SEND, AlertKind.REMINDER)


def _begins_to_fail(storms: Storms, job: JobStorm, fact: Fact) -> tuple[Storms, AlertDecision]:
    recent = [at for at in job.changes if at > fact.now - FLAPPING]
    if len(recent) < MOST_CHANGES:
        return gather(storms, job, fact, cause=fact.cause or "unknown", kind=AlertKind.FAILING)
    job = job.model_copy(update={"changes": recent, "waits_in": fact.delivery_id})
    decision = AlertDecision(
        Action.WAIT,
        AlertKind.FAILING,
        until=recent[0] + FLAPPING,
        because="the job fails and recovers in turn; within the hour the channel gets a message with its state then",
    )
    return with_job(storms, fact, job), decision


def _recovery(storms: Storms, job: JobStorm, fact: Fact) -> tuple[Storms, AlertDecision]:
    was_told, waits_in = job.told, job.waits_in
    well = {"newest": fact.ended_at, "failing_since": None, "told": False, "waits_in": None, "reminders": 0}
    job = job.model_copy(update=well)
    if was_told and fact.tells_failures:
        return gather(storms, job, fact, cause=RECOVERY, kind=AlertKind.RECOVERED)
    storms = with_job(marked_recovered(storms, fact.member.job_id), fact, job)
    if fact.tells_successes:
        return storms, AlertDecision(Action.SEND, AlertKind.SUCCESS)
    return storms, folded("the job works again before a message said that it did not", waits_in)


def _plain_success(storms: Storms, job: JobStorm | None, fact: Fact) -> tuple[Storms, AlertDecision]:
    if job and fact.ended_at > job.newest:
        storms = with_job(storms, fact, job.model_copy(update={"newest": fact.ended_at}))
    if fact.tells_successes:
        return storms, AlertDecision(Action.SEND, AlertKind.SUCCESS)
    if fact.awaited and fact.tells_failures:
        storms, leader = said_where_it_is_late(storms, fact.member)
        if leader:
            return storms, folded("the message that the run is late waits to be sent, and says it", leader)
        return gather_news(storms, fact, AWAITED)
    return storms, AlertDecision(Action.FOLD, because="the job works as before", quiet=True)


def _late_failure(storms: Storms, job: JobStorm, fact: Fact) -> tuple[Storms, AlertDecision]:
    """Decide about a failure whose message arrives after that of a newer end; the channel may know one from then."""
    about_then = job.failure_told_for and abs(fact.ended_at - job.failure_told_for) < FIRST_REMINDER
    if job.failing_since or about_then:
        return storms, folded("the channel knows of failures from about then", job.waits_in)
    job = job.model_copy(update={"failure_told_for": fact.ended_at})
    return with_job(storms, fact, job), AlertDecision(Action.SEND, AlertKind.FAILING)


def _with_job_told(storms: Storms, job_id: str, delivery_id: str, now: datetime) -> Storms:
    """Record that the channel now knows about a job what `delivery_id` was to say."""
    job = storms.jobs.get(job_id)
    if job is None or job.waits_in != delivery_id or job.failing_since is None:
        return storms
    told = {
        "told": True,
        "told_at": now,
        "waits_in": None,
        "failure_told_for": job.newest,
        "changes": [*job.changes, now][-MOST_CHANGES:],
    }
    return storms.model_copy(update={"jobs": {**storms.jobs, job_id: job.model_copy(update=told)}})


def _without_the_old(storms: Storms, now: datetime) -> Storms:
    """Drop windows that are over and jobs that have recovered long ago, so that a channel's state stays small."""
    windows = {cause: window for cause, window in storms.windows.items() if window.gathering or window.ends_at > now}
    jobs = {name: job for name, job in storms.jobs.items() if job.failing_since or now - job.newest < FORGET_AFTER}
    return storms.model_copy(update={"jobs": jobs, "windows": windows})
