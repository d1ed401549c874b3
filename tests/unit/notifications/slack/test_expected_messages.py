"""Slack's messages about runs that are late or take long."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from jobs_api.model.alert_targets import Event
from jobs_api.model.run import RunStatus
from jobs_api.notifications.slack.alert_decision import Action, AlertDecision, AlertKind, Fact
from jobs_api.notifications.slack.gathering import GATHER_FOR, NEWS_WINDOW
from jobs_api.notifications.slack.grouping import decide, wake
from jobs_api.notifications.slack.memory import Member, Storms
from jobs_api.notifications.slack.message import message
from tests.unit.notifications.slack.test_messages import NOON, a_run, facts, header, shown

MINUTE = timedelta(minutes=1)
GOING: dict[str, Any] = {
    "status": RunStatus.RUNNING,
    "end_time": None,
    "duration_seconds": None,
    "exit_code": None,
    "error_message": None,
    "scheduled_for": NOON,
    "expected_by": NOON + 60 * MINUTE,
    "expected_minutes": 75,
    "late_at": NOON + 60 * MINUTE,
}


def written(kind: AlertKind, stored: bool = True, usual: list[float] | None = None, **run: Any) -> dict[str, Any]:  # noqa: FBT001, FBT002
    return message(facts(kind, run=a_run(**{**GOING, **run}), usual=usual or [], stored=stored))


def test_a_late_run_says_when_it_should_have_ended_and_what_it_usually_takes() -> None:
    alert = written(AlertKind.LATE, usual=[600.0, 750.0, 5000.0])

    assert header(alert) == "jaffle / nightly is late"
    for text in (
        "*Status*\\nrunning",
        "*Should have ended*",
        "|2026-04-28 13:00 UTC>",
        "at most 1 h 15 min",
        "*Scheduled for*",
        "12 min 30 s (median of 3 successes)",
        "Run `run_1`",
        "`dbt build`",
    ):
        assert text in shown(alert)
    assert "Failed in a row" not in shown(alert)


def test_a_slot_without_a_run_says_so_and_why() -> None:
    why = "The cluster has been out of reach since 2026-04-28T11:50:00Z"
    alert = written(AlertKind.LATE, stored=False, status=RunStatus.PENDING, start_time=None, message=why)

    assert header(alert) == "jaffle / nightly is late"
    for text in ("not started yet", why, "No run yet", "no success on record"):
        assert text in shown(alert)
    assert "run_1" not in shown(alert)


@pytest.mark.parametrize(
    ("kind", "run", "title"),
    [
        (AlertKind.LATE, {"end_time": NOON + 61 * MINUTE, "status": RunStatus.FAILED}, "ended late"),
        (AlertKind.LONG, {}, "takes longer than 1 h 15 min"),
        (AlertKind.LONG, {"expected_minutes": 45}, "takes longer than 45 min"),
        (AlertKind.LONG, {"expected_minutes": 120, "status": RunStatus.SUCCESS}, "took longer than 2 h"),
        (AlertKind.AWAITED, {"end_time": NOON + 92 * MINUTE}, "succeeded, 32 min 0 s late"),
        (AlertKind.AWAITED, {"end_time": NOON + 50 * MINUTE}, "succeeded, in time after all"),
        (AlertKind.AWAITED, {"late_at": None, "duration_seconds": 4320.0}, "succeeded, after 1 h 12 min"),
    ],
)
def test_the_title_says_what_is_the_case_when_it_is_sent(kind: AlertKind, run: dict[str, Any], title: str) -> None:
    assert header(written(kind, **run)) == f"jaffle / nightly {title}"


@pytest.mark.parametrize("kind", [AlertKind.LATE, AlertKind.LONG, AlertKind.AWAITED])
def test_a_list_of_jobs_says_what_they_have_in_common(kind: AlertKind) -> None:
    members = [Member(job_id=f"job_{at}", job_name=f"job-{at}", run_id=f"run_{at}") for at in range(3)]

    alert = message(facts(kind, run=a_run(**GOING), members=members))

    titles = {
        AlertKind.LATE: "3 jobs of jaffle are late",
        AlertKind.LONG: "3 jobs of jaffle take longer than expected",
        AlertKind.AWAITED: "3 jobs of jaffle have succeeded after all",
    }
    assert header(alert) == titles[kind]
    assert "job-2" in shown(alert)


def fact(event: Event, minutes: float = 0, job: str = "a", **more: Any) -> Fact:
    now = NOON + minutes * MINUTE
    member = Member(job_id=job, job_name=job, run_id=f"run_{job}")
    return Fact(f"dlv_{job}_{event}_{minutes}", member, event, ended_at=now, now=now, **more)


def test_news_of_late_runs_waits_for_that_of_others_and_changes_nothing_of_failures() -> None:
    storms, first = decide(Storms(), fact(Event.LATE))
    storms, second = decide(storms, fact(Event.LATE, job="b"))

    assert (first.action, first.until) == (Action.WAIT, NOON + GATHER_FOR)
    assert (second.action, second.into) == (Action.FOLD, "dlv_a_late_0")
    assert storms.jobs == {}
    after, sent, gathering = wake(storms, "dlv_a_late_0", "a", NOON + GATHER_FOR)
    assert sent == AlertDecision(Action.SEND, AlertKind.LATE)
    assert gathering
    assert [member.job_id for member in gathering.members] == ["a", "b"]
    _, later = decide(after, fact(Event.LATE, 0.5, job="c"))
    assert later.until == NOON + NEWS_WINDOW


def test_late_and_long_are_messages_of_their_own() -> None:
    storms, late = decide(Storms(), fact(Event.LATE))
    _, long = decide(storms, fact(Event.LONG))

    assert (late.kind, long.kind) == (AlertKind.LATE, AlertKind.LONG)
    assert late.action is long.action is Action.WAIT


def test_a_late_slot_whose_run_has_succeeded_before_its_message_is_sent_says_both() -> None:
    storms, late = decide(Storms(), fact(Event.LATE))
    of_its_run = Member(job_id="a", job_name="a", run_id="run_of_the_slot")

    storms, success = decide(storms, replace(fact(Event.SUCCESS, 0.01, awaited=True), member=of_its_run))

    assert (success.action, success.into) == (Action.FOLD, "dlv_a_late_0")
    _, _, gathering = wake(storms, "dlv_a_late_0", "a", late.until or NOON)
    assert gathering
    run = a_run(**{**GOING, "status": RunStatus.PENDING})
    alert = message(facts(AlertKind.LATE, run=run, stored=False, members=gathering.members))
    assert "It has succeeded since." in shown(alert)
    assert "It has succeeded since." not in shown(message(facts(AlertKind.LATE, run=run, members=gathering.members)))


def test_a_job_that_was_failing_and_is_late_is_reported_as_recovered_once() -> None:
    storms, _ = decide(Storms(), fact(Event.FAILURE))
    storms, _, _ = wake(storms, "dlv_a_failure_0", "a", NOON + GATHER_FOR)
    storms, _ = decide(storms, fact(Event.LATE, 10))
    storms, _, _ = wake(storms, "dlv_a_late_10", "a", NOON + 11 * MINUTE)

    _, decision = decide(storms, fact(Event.SUCCESS, 12, awaited=True))

    assert (decision.action, decision.kind) == (Action.WAIT, AlertKind.RECOVERED)


@pytest.mark.parametrize(
    ("more", "action"),
    [
        ({"awaited": True}, Action.WAIT),
        ({"awaited": True, "tells_failures": False}, Action.FOLD),
        ({"awaited": True, "tells_successes": True}, Action.SEND),
        ({"awaited": False}, Action.FOLD),
    ],
)
def test_a_success_is_news_where_people_wait_for_it(more: dict[str, Any], action: Action) -> None:
    _, decision = decide(Storms(), fact(Event.SUCCESS, **more))

    assert decision.action is action
