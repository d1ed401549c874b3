"""Decisions of the CronJob controller, as a table like Kubernetes' own (cronjob_controllerv2_test.go)."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.cluster.clock import timestamp
from local.cluster.controllers.cronjob import decide, job_for, next_wake, started

type Object = dict[str, Any]

CREATED = datetime(2026, 4, 28, 9, 30, tzinfo=UTC)
HOUR = datetime(2026, 4, 28, 10, tzinfo=UTC)  # the hourly schedule's first slot
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def cronjob(status: Object | None = None, **spec: Any) -> Object:
    template = {"metadata": {"labels": {"app": "x"}, "annotations": {"note": "y"}}, "spec": {"template": {}}}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "hourly", "namespace": "org-acme", "uid": "cj", "creationTimestamp": timestamp(CREATED)},
        "spec": {"schedule": "0 * * * *", "jobTemplate": template, **spec},
        "status": status or {},
    }


def job(slot: datetime, ended: str | None = None, ended_at: datetime | None = None) -> Object:
    name = f"hourly-{int(slot.timestamp()) // 60}"
    status: Object = {"startTime": timestamp(slot)}
    if ended:
        status["conditions"] = [{"type": ended, "status": "True"}]
    if ended == "Complete":
        status["completionTime"] = timestamp(ended_at or slot + MINUTE)
    return {"metadata": {"name": name, "namespace": "org-acme", "uid": f"uid-{name}"}, "status": status}


def active(*jobs: Object, last: datetime | None = None) -> Object:
    references = [{"name": one["metadata"]["name"], "uid": one["metadata"]["uid"]} for one in jobs]
    status: Object = {"active": references} if references else {}
    return {**status, "lastScheduleTime": timestamp(last)} if last else status


@dataclass(frozen=True)
class Case:
    """A situation and what is to happen; `starts` is the slot whose Job is created."""

    name: str
    now: datetime
    spec: Object = field(default_factory=dict)
    status: Object = field(default_factory=dict)
    jobs: tuple[Object, ...] = ()
    starts: datetime | None = None
    deletes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    wakes: datetime | None = HOUR + timedelta(hours=1)


RUNNING = job(HOUR)
RAN = active(RUNNING, last=HOUR)
NEXT, AFTER = HOUR + timedelta(hours=1), HOUR + timedelta(hours=2)
NAMES = {"RUNNING": RUNNING["metadata"]["name"]}

CASES = [
    Case("never ran, not yet time", HOUR - SECOND, wakes=HOUR),
    Case("never ran, exactly time", HOUR, starts=HOUR),
    Case("never ran, a little late", HOUR + timedelta(seconds=40), starts=HOUR),
    Case("ran already, the same second", HOUR, status=RAN, jobs=(RUNNING,)),
    Case("ran already, time again, the last still runs", NEXT, status=RAN, jobs=(RUNNING,), starts=NEXT, wakes=AFTER),
    Case("several slots missed: only the latest runs", AFTER + MINUTE, starts=AFTER, wakes=AFTER + timedelta(hours=1)),
    Case("suspended", HOUR, {"suspend": True}, wakes=None),
    Case("within its starting deadline", HOUR + timedelta(seconds=29), {"startingDeadlineSeconds": 30}, starts=HOUR),
    Case("past its starting deadline", HOUR + timedelta(seconds=30), {"startingDeadlineSeconds": 30}),
    Case(
        "past the deadline of one slot, in time for the next",
        NEXT + SECOND,
        {"startingDeadlineSeconds": 30},
        starts=NEXT,
        wakes=AFTER,
    ),
    Case(
        "Forbid while the last still runs",
        NEXT,
        {"concurrencyPolicy": "Forbid"},
        status=RAN,
        jobs=(RUNNING,),
        notes=("JobAlreadyActive",),
        wakes=AFTER,
    ),
    Case(
        "Forbid, and the last has ended since: the slot it held up runs late",
        NEXT + 10 * MINUTE,
        {"concurrencyPolicy": "Forbid"},
        status=RAN,
        jobs=(job(HOUR, "Complete"),),
        starts=NEXT,
        notes=("SawCompletedJob",),
        wakes=AFTER,
    ),
    Case(
        "Forbid, the last has ended since, but too late for the slot",
        NEXT + 10 * MINUTE,
        {"concurrencyPolicy": "Forbid", "startingDeadlineSeconds": 60},
        status=RAN,
        jobs=(job(HOUR, "Complete"),),
        notes=("SawCompletedJob",),
        wakes=AFTER,
    ),
    Case(
        "Replace while the last still runs",
        NEXT,
        {"concurrencyPolicy": "Replace"},
        status=RAN,
        jobs=(RUNNING,),
        starts=NEXT,
        deletes=(NAMES["RUNNING"],),
        wakes=AFTER,
    ),
    Case("a running Job went missing", HOUR + MINUTE, status=RAN, notes=("MissingJob",)),
    Case(
        "a running Job that the status does not know",
        HOUR - SECOND,
        jobs=(RUNNING,),
        notes=("UnexpectedJob",),
        wakes=HOUR,
    ),
    Case(
        "more than a hundred slots missed",
        CREATED + timedelta(days=5, minutes=31),
        starts=HOUR + timedelta(days=5),
        notes=("TooManyMissedTimes",),
        wakes=NEXT + timedelta(days=5),
    ),
    Case(
        "more than a hundred slots missed, and a deadline that forgets them",
        CREATED + timedelta(days=5, minutes=31),
        {"startingDeadlineSeconds": 3600},
        starts=HOUR + timedelta(days=5),
        wakes=NEXT + timedelta(days=5),
    ),
    Case("a schedule that nobody can read", HOUR, {"schedule": "nightly"}, notes=("UnparseableSchedule",), wakes=None),
    Case("a schedule that never fires", HOUR, {"schedule": "0 0 30 2 *"}, wakes=None),
    Case(
        "an interval counts from the creation",
        CREATED + timedelta(minutes=45),
        {"schedule": "@every 45m"},
        starts=CREATED + timedelta(minutes=45),
        wakes=CREATED + timedelta(minutes=90),
    ),
    Case(
        "an interval counts from the last run",
        NEXT + MINUTE,
        {"schedule": "@every 45m"},
        status={"lastScheduleTime": timestamp(HOUR + timedelta(minutes=17))},
        starts=None,
        wakes=HOUR + timedelta(minutes=62),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_cronjob_does_what_its_situation_requires(case: Case) -> None:
    decision = decide(cronjob(case.status, **case.spec), case.jobs, case.now)

    assert (decision.start.slot if decision.start else None) == case.starts
    assert decision.delete == case.deletes
    assert tuple(note.reason for note in decision.notes) == case.notes
    assert decision.wake_at == case.wakes


def ended_jobs(*kinds: str) -> tuple[Object, ...]:
    return tuple(job(HOUR + timedelta(hours=n), kind) for n, kind in enumerate(kinds))


@pytest.mark.parametrize(
    ("limits", "kinds", "kept"),
    [
        pytest.param({}, ["Complete"] * 5, [2, 3, 4], id="three successes by default"),
        pytest.param({}, ["Failed"] * 3, [2], id="one failure by default"),
        pytest.param({"successfulJobsHistoryLimit": 0}, ["Complete", "Failed"], [1], id="no success at all"),
        pytest.param({"failedJobsHistoryLimit": 2}, ["Failed", "Complete", "Failed"], [0, 1, 2], id="within both"),
    ],
)
def test_the_oldest_ended_jobs_beyond_the_history_limits_are_deleted(
    limits: Object, kinds: list[str], kept: list[int]
) -> None:
    jobs = ended_jobs(*kinds)
    decision = decide(cronjob(suspend=True, **limits), jobs, HOUR + timedelta(days=1))
    left = [index for index, one in enumerate(jobs) if one["metadata"]["name"] not in decision.delete]
    assert left == kept


def test_running_jobs_are_never_history() -> None:
    decision = decide(cronjob(RAN, suspend=True, successfulJobsHistoryLimit=0), (RUNNING,), NEXT)
    assert decision.delete == ()
    assert decision.status == RAN


def test_the_status_has_the_time_of_the_latest_success() -> None:
    jobs = (job(NEXT, "Complete", NEXT + MINUTE), job(HOUR, "Complete", HOUR + MINUTE), job(AFTER, "Failed"))
    decision = decide(cronjob(suspend=True), jobs, AFTER)
    assert decision.status["lastSuccessfulTime"] == timestamp(NEXT + MINUTE)


def test_a_started_job_is_active_and_its_slot_the_last() -> None:
    status = started({}, RUNNING, HOUR)
    assert [one["name"] for one in status["active"]] == [RUNNING["metadata"]["name"]]
    assert status["lastScheduleTime"] == "2026-04-28T10:00:00Z"


def test_a_job_found_ended_is_not_active_again() -> None:
    assert started({}, job(HOUR, "Failed"), HOUR) == {"lastScheduleTime": "2026-04-28T10:00:00Z"}


def test_a_job_is_named_after_its_slot_and_owned_by_its_cronjob() -> None:
    made = job_for(cronjob(), HOUR)
    assert made["metadata"]["name"] == "hourly-29622840"
    assert made["metadata"]["labels"] == {"app": "x"}
    assert made["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "name": "hourly",
            "uid": "cj",
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]


@pytest.mark.parametrize(
    ("zone", "written"),
    [
        (None, "2026-04-28T10:00:00Z"),
        ("Etc/UTC", "2026-04-28T10:00:00Z"),
        ("Europe/Berlin", "2026-04-28T12:00:00+02:00"),
        ("Asia/Kolkata", "2026-04-28T15:30:00+05:30"),
    ],
)
def test_the_annotation_has_the_slot_in_the_time_zone_of_the_schedule(zone: str | None, written: str) -> None:
    spec: Object = {"timeZone": zone} if zone else {}
    made = job_for(cronjob(**spec), HOUR)
    assert made["metadata"]["annotations"] == {"note": "y", "batch.kubernetes.io/cronjob-scheduled-timestamp": written}


def test_slots_are_in_the_schedules_zone() -> None:
    berlin = cronjob(schedule="0 12 * * *", timeZone="Europe/Berlin")
    assert next_wake(berlin, HOUR - SECOND) == HOUR
    assert decide(berlin, (), HOUR).start is not None


def test_a_slot_that_may_not_run_gets_an_event_in_kubernetes_words() -> None:
    decision = decide(cronjob(RAN, concurrencyPolicy="Forbid"), (RUNNING,), NEXT)
    assert decision.notes[0].message == (
        "Not starting job because prior execution is running and concurrency policy is Forbid"
    )
