"""How jobs share one Slack message: the list that gathers for a cause, who joins it, and who is taken off again."""

from datetime import timedelta
from typing import Final

from jobs_api.model.alert_targets import Event
from jobs_api.notifications.slack.alert_decision import Action, AlertDecision, AlertKind, Fact, folded
from jobs_api.notifications.slack.memory import Gathering, JobStorm, Member, Storms, Window

# How long the first of several jobs waits for the others: one ingest queues its messages within a second or two.
GATHER_FOR: Final = timedelta(seconds=5)
# Failures for a cause whose message was sent this recently share one more message, at the end of the window.
WINDOW: Final = timedelta(minutes=5)
# Messages about late and long runs wait only briefly, so that they are not late themselves.
NEWS_WINDOW: Final = timedelta(minutes=1)
MOST_LISTED: Final = 100
# How many of a list's members keep their error: as many as a message shows.
MOST_SAID: Final = 20
RECOVERY: Final = "recovery"
AWAITED: Final = "awaited"

# These kinds of messages do not gather failures.
KINDS_OF_LISTS: Final = {
    RECOVERY: AlertKind.RECOVERED,
    Event.LATE: AlertKind.LATE,
    Event.LONG: AlertKind.LONG,
    AWAITED: AlertKind.AWAITED,
}


def gather(storms: Storms, job: JobStorm, fact: Fact, *, cause: str, kind: AlertKind) -> tuple[Storms, AlertDecision]:
    """Join the message that gathers for this cause, or begin one; it will tell the channel about the job."""
    storms, decision = gather_news(storms, fact, cause, kind)
    leader = decision.into or fact.delivery_id
    return with_job(storms, fact, job.model_copy(update={"waits_in": leader})), decision


def gather_news(storms: Storms, fact: Fact, cause: str, kind: AlertKind | None = None) -> tuple[Storms, AlertDecision]:
    """Join the message that gathers for this cause, or begin one."""
    window = storms.windows.get(cause) or Window(ends_at=fact.now)
    leads = window.gathering is None
    if window.gathering:
        gathering = _joined(window.gathering, fact.member)
    elif window.ends_at > fact.now:
        gathering = Gathering(leader=fact.delivery_id, due_at=window.ends_at, members=[fact.member])
    else:
        window = Window(ends_at=fact.now + (NEWS_WINDOW if cause in (Event.LATE, Event.LONG, AWAITED) else WINDOW))
        gathering = Gathering(leader=fact.delivery_id, due_at=fact.now + GATHER_FOR, members=[fact.member])
    storms = with_window(storms, cause, window.model_copy(update={"gathering": gathering}))
    if leads:
        kind = kind or KINDS_OF_LISTS[cause]
        return storms, AlertDecision(Action.WAIT, kind, gathering.due_at, because="waits for the same of other jobs")
    return storms, folded("the job is on the list of another message", gathering.leader)


def _joined(gathering: Gathering, member: Member) -> Gathering:
    others = [other for other in gathering.members if other.job_id != member.job_id]
    if len(others) >= MOST_LISTED:
        return gathering.model_copy(update={"more": gathering.more + 1})
    if len({other.said for other in others} - {member.said, ""}) >= MOST_SAID:
        member = member.model_copy(update={"said": ""})
    return gathering.model_copy(update={"members": [*others, member]})


def recovery_taken_back(storms: Storms, job_id: str) -> tuple[Storms, bool]:
    """Remove a job from a list of recoveries that was not sent yet: for the channel, the job never recovered."""
    window = storms.windows.get(RECOVERY)
    if window is None or window.gathering is None:
        return storms, False
    left = [member for member in window.gathering.members if member.job_id != job_id]
    gathering = window.gathering.model_copy(update={"members": left})
    taken = len(left) < len(window.gathering.members)
    return with_window(storms, RECOVERY, window.model_copy(update={"gathering": gathering})), taken


def said_where_it_is_late(storms: Storms, member: Member) -> tuple[Storms, str | None]:
    """Mark a job whose run has succeeded in the list that is to say that it is late; return whose message that is.

    A slot that was late before it had a run is on the list under another id than its run.
    """
    for cause in (Event.LATE, Event.LONG):
        window = storms.windows.get(cause)
        if window and window.gathering and any(one.job_id == member.job_id for one in window.gathering.members):
            members = [
                one.model_copy(update={"recovered": True}) if one.job_id == member.job_id else one
                for one in window.gathering.members
            ]
            gathering = window.gathering.model_copy(update={"members": members})
            return with_window(storms, cause, window.model_copy(update={"gathering": gathering})), gathering.leader
    return storms, None


def marked_recovered(storms: Storms, job_id: str) -> Storms:
    """Record on every list that still gathers that a job has recovered."""
    for cause, window in storms.windows.items():
        if window.gathering and cause != RECOVERY:
            members = [
                member.model_copy(update={"recovered": True}) if member.job_id == job_id else member
                for member in window.gathering.members
            ]
            gathering = window.gathering.model_copy(update={"members": members})
            storms = with_window(storms, cause, window.model_copy(update={"gathering": gathering}))
    return storms


def with_job(storms: Storms, fact: Fact, job: JobStorm) -> Storms:
    """Return what a channel knows, with a job as it is now."""
    return storms.model_copy(update={"jobs": {**storms.jobs, fact.member.job_id: job}})


def with_window(storms: Storms, cause: str, window: Window) -> Storms:
    """Return what a channel knows, with the list that gathers for a cause."""
    return storms.model_copy(update={"windows": {**storms.windows, cause: window}})
