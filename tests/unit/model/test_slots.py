"""Which slots of a job must have a run or a miss, and what a miss says."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise, takewhile
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs_api import schedule
from jobs_api.ingest import missed_slot
from jobs_api.ingest.missed_slot import SlotFacts
from jobs_api.model import slots
from jobs_api.model.commands import ProjectType
from jobs_api.model.job import Job
from jobs_api.model.job_settings import JobSettings
from jobs_api.model.job_sync import SyncedVersion, SyncState
from jobs_api.model.periods import Firing, Outage, Period
from jobs_api.model.project import ConcurrencyPolicy, Project, ProjectSettings
from jobs_api.model.run import Run, RunStatus, TriggeredBy
from jobs_api.model.slot_history import SlotHistory
from jobs_api.model.slots import Slot, SlotVerdict
from jobs_api.schedule import timezones
from tests.objects import event

NOON = datetime(2026, 4, 28, 12, 0, tzinfo=UTC)
DEADLINE = timedelta(minutes=10)


def at(minutes: float) -> datetime:
    """Return a time that many minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def a_project(**changes: Any) -> Project:
    document = {"name": "jaffle", "project_type": ProjectType.DBT, "image": "dbt", "deployed": True}
    return Project(
        id="proj_jaffle",
        organization_id="org-acme",
        settings=ProjectSettings.model_validate(document | changes),
        cursor_key="key",
        created_at=at(-1000),
        updated_at=at(-1000),
    )


def a_job(project: Project, now: datetime = NOON, **document: Any) -> Job:
    wanted = {"name": "often", "command": "dbt build", "schedule": "*/5 * * * *"}
    return Job.new("job_often", JobSettings.of(wanted | document, project), project, now)


def owed(job: Job, project: Project, until: datetime) -> list[datetime]:
    return [slot.at for slot in slots.owed(job.firings, project.periods, job.slots.settled_until, until)]


def changed(job: Job, project: Project, now: datetime, **changes: Any) -> Job:
    return job.changed(changes, project, now, lambda _: {})


def test_a_job_owes_its_slots_since_it_was_made() -> None:
    project = a_project()

    assert owed(a_job(project), project, at(14)) == [at(5), at(10)]


def test_a_settled_slot_is_no_longer_open() -> None:
    project = a_project()
    job = a_job(project).settled(at(5), project, at(6))

    assert owed(job, project, at(14)) == [at(10)]
    assert job.due_at == at(10)


def test_an_edit_loses_no_slot_before_it_and_invents_none() -> None:
    project = a_project()
    job = changed(a_job(project), project, at(11), schedule="* * * * *")

    assert owed(job, project, at(13)) == [at(5), at(10), at(12), at(13)]
    assert job.due_at == at(5)


@pytest.mark.parametrize(
    "changes",
    [
        {"starting_deadline_seconds": 604_800},
        {"starting_deadline_seconds": 10},
        {"concurrency_policy": "Allow"},
        {"concurrency_policy": "Replace"},
    ],
)
def test_a_job_whose_limits_allow_other_slots_begins_a_new_firing_so_that_no_earlier_one_starts(
    changes: dict[str, Any],
) -> None:
    project = a_project()
    before = a_job(project)
    job = changed(before, project, at(11), **changes)
    back = changed(job, project, at(12), **dict.fromkeys(changes))

    assert job.fires_since(project) == at(11)
    assert back.fires_since(project) == at(12)
    assert owed(back, project, at(16)) == owed(before, project, at(16)) == [at(5), at(10), at(15)]


@pytest.mark.parametrize(
    "changes", [{"timeout_seconds": 60}, {"starting_deadline_seconds": 600}, {"concurrency_policy": "Forbid"}]
)
def test_a_limit_that_starts_no_other_slots_begins_no_new_firing(changes: dict[str, Any]) -> None:
    project = a_project()
    job = changed(a_job(project), project, at(11), **changes)

    assert job.version == 2
    assert job.fires_since(project) == NOON


@pytest.mark.parametrize("changes", [{"starting_deadline_seconds": 604_800}, {"concurrency_policy": "Allow"}])
def test_a_project_that_lets_its_jobs_start_slots_otherwise_begins_a_new_period(changes: dict[str, Any]) -> None:
    project = a_project()
    job = a_job(project)
    after = project.changed(ProjectSettings.model_validate(project.settings.model_dump() | changes), at(11))
    resting = a_project(deployed=False)
    rests = resting.changed(ProjectSettings.model_validate(resting.settings.model_dump() | changes), at(11))

    assert job.fires_since(after) == at(11)
    assert owed(job, after, at(16)) == [at(5), at(10), at(15)]
    assert rests.periods == []
    assert [
        slot.deadline(after.settings.starting_deadline_seconds)
        for slot in slots.owed(job.firings, after.periods, None, at(11))
    ] == [DEADLINE, DEADLINE]


def test_a_slot_may_start_as_late_as_the_job_said_when_it_came() -> None:
    project = a_project()
    job = changed(a_job(project, starting_deadline_seconds=7_200), project, at(7), starting_deadline_seconds=None)

    deadlines = [slot.deadline(600) for slot in slots.owed(job.firings, project.periods, None, at(11))]

    assert deadlines == [timedelta(hours=2), timedelta(minutes=10)]


def test_a_firing_without_a_deadline_of_its_own_is_stored_as_the_previous_release_reads_it() -> None:
    stored = changed(a_job(a_project()), a_project(), at(7), schedule="@daily").slots.model_dump(mode="json")

    assert "starting_deadline_seconds" not in stored["unsettled"][0]


def test_an_edit_of_anything_else_changes_nothing() -> None:
    project = a_project()
    job = changed(a_job(project), project, at(11), description="Often", command="dbt test")

    assert job.slots.unsettled == []
    assert owed(job, project, at(14)) == [at(5), at(10)]


def test_a_rename_is_a_new_cronjob_and_keeps_the_old_ones_slots_under_its_name() -> None:
    project = a_project()
    job = changed(a_job(project), project, at(7), name="seldom")

    found = list(slots.owed(job.firings, project.periods, None, at(12)))

    assert [(slot.at, slot.firing.cronjob_name) for slot in found] == [
        (at(5), "jaffle-often"),
        (at(10), "jaffle-seldom"),
    ]


def test_a_disabled_job_has_no_open_slots_and_enabling_it_adds_none_of_the_past() -> None:
    project = a_project()
    disabled = changed(a_job(project), project, at(7), enabled=False)
    enabled = changed(disabled, project, at(31), enabled=True)

    assert owed(disabled, project, at(60)) == [at(5)]
    assert owed(enabled, project, at(41)) == [at(5), at(35), at(40)]


def test_a_disabled_job_without_open_slots_needs_no_pass() -> None:
    project = a_project()
    job = changed(a_job(project), project, at(2), enabled=False)

    assert (job.slots.unsettled, job.due_at) == ([], None)


def test_a_suspended_project_owes_what_was_due_before_and_nothing_of_the_pause() -> None:
    project = a_project()
    job = a_job(project)
    paused = project.changed(project.settings.model_copy(update={"suspended": True}), at(7))
    resumed = paused.changed(project.settings, at(31))

    assert owed(job, paused, at(60)) == [at(5)]
    assert owed(job, resumed, at(41)) == [at(5), at(35), at(40)]


def test_a_job_of_a_project_that_is_not_deployed_is_looked_at_now_and_then() -> None:
    project = a_project(deployed=False)
    job = a_job(project)

    assert owed(job, project, at(60)) == []
    assert job.due_at == at(15)
    deployed = project.changed(project.settings.model_copy(update={"deployed": True}), at(11))
    assert owed(job, deployed, at(16)) == [at(15)]


def test_a_deleted_job_leaves_what_was_due() -> None:
    project = a_project()
    job = a_job(project)

    remains = job.removed(project, at(6))

    assert remains
    assert owed(remains, project, at(60)) == [at(5)]
    assert remains.settled(at(5), project, at(30)).due_at is None
    assert job.removed(project, at(4)) is None


def test_a_change_of_the_project_other_than_a_pause_begins_no_new_period() -> None:
    project = a_project()
    bigger = project.changed(project.settings.model_copy(update={"image": "dbt:2"}), at(7))

    assert bigger.periods == project.periods
    assert bigger.version == 2


SINCE = Firing(since=NOON, schedule="*/5 * * * *", timezone="UTC", cronjob_name="jaffle-often", in_force_at=NOON)


@pytest.mark.parametrize(
    ("slot", "firing", "ran", "minute", "verdict"),
    [
        pytest.param(5, SINCE, [5], 5, SlotVerdict.RAN, id="its Job is there"),
        pytest.param(5, SINCE, [], 16, SlotVerdict.OPEN, id="it may still start, or a clock be behind"),
        pytest.param(5, SINCE, [], 16.1, SlotVerdict.MISSED, id="it cannot start any more"),
        pytest.param(5, SINCE, [10], 16.1, SlotVerdict.MISSED, id="another one ran"),
        pytest.param(5, SINCE, [10], 10.1, SlotVerdict.MISSED, id="a later one runs, so it never starts"),
        pytest.param(5, SINCE, [0], 10.1, SlotVerdict.OPEN, id="only an earlier one runs"),
        pytest.param(
            5,
            SINCE.model_copy(update={"since": at(4), "in_force_at": at(5.1)}),
            [],
            60,
            SlotVerdict.UNEXPECTED,
            id="the change was on its way",
        ),
        pytest.param(
            5,
            SINCE.model_copy(update={"since": at(2), "in_force_at": None}),
            [],
            60,
            SlotVerdict.MISSED,
            id="for too long",
        ),
        pytest.param(
            5,
            SINCE.model_copy(update={"since": at(4.9), "in_force_at": at(4.95)}),
            [],
            60,
            SlotVerdict.UNEXPECTED,
            id="it arrived with the slot",
        ),
        pytest.param(
            5,
            SINCE.model_copy(update={"since": at(4), "in_force_at": at(4.5)}),
            [],
            60,
            SlotVerdict.MISSED,
            id="in time",
        ),
    ],
)
def test_a_slot_has_the_verdict_of_its_situation(
    slot: int, firing: Firing, ran: Sequence[float], minute: float, verdict: SlotVerdict
) -> None:
    found = Slot(at(slot), firing, firing.since)

    assert slots.slot_verdict(found, {at(minute) for minute in ran}, at(minute), DEADLINE) is verdict


def a_run(scheduled: float, ended: float | None, **changes: Any) -> Run:
    values: dict[str, Any] = {
        "id": "run_before",
        "organization_id": "org-acme",
        "project_id": "proj_jaffle",
        "job_id": "job_often",
        "job_name": "jaffle-often-1",
        "cronjob_name": "jaffle-often",
        "namespace": "org-acme",
        "job_type": "build",
        "status": RunStatus.RUNNING if ended is None else RunStatus.SUCCESS,
        "triggered_by": TriggeredBy.SCHEDULED,
        "created_at": at(scheduled),
        "updated_at": at(scheduled),
        "scheduled_for": at(scheduled),
        "end_time": None if ended is None else at(ended),
        "job_uid": "uid",
    }
    return Run(**values | changes)


def a_cronjob(minutes: float = -60, *, suspend: bool = False, last: float | None = None) -> dict[str, Any]:
    made_at, fired_at = (at(one).strftime("%Y-%m-%dT%H:%M:%SZ") for one in (minutes, last or minutes))
    status = {} if last is None else {"lastScheduleTime": fired_at}
    return {"metadata": {"creationTimestamp": made_at}, "spec": {"suspend": suspend}, "status": status}


def synced(**values: Any) -> SyncedVersion:
    return SyncedVersion(version="1.1", synced_at=NOON, **{"state": SyncState.SYNCED, **values})


def quota(minute: float) -> dict[str, Any]:
    """Return the Event of a CronJob that may make no Job."""
    message = 'Error creating job: jobs.batch "x" is forbidden: exceeded quota: jobs'
    return event("FailedCreate", message) | {"lastTimestamp": at(minute).isoformat()}


LATE = SINCE.model_copy(update={"in_force_at": None})
HEALTHY = a_cronjob()
OUTAGE = Outage(since=at(4), until=at(30))
STOP = OUTAGE.model_copy(update={"stopped": True})


@pytest.mark.parametrize(
    ("firing", "facts", "told"),
    [
        pytest.param(SINCE, {"cronjob": HEALTHY}, "starting deadline of 600 seconds", id="nothing else is known"),
        pytest.param(SINCE, {"runs": [a_run(0, 6)]}, "the run before, run_before, was still going", id="still going"),
        pytest.param(SINCE, {"runs": [a_run(0, None)]}, "still going", id="goes on to this day"),
        pytest.param(SINCE, {"runs": [a_run(0, 4)]}, "starting deadline", id="the one before had ended"),
        pytest.param(SINCE, {"runs": [a_run(0, 6, job_uid=None)]}, "starting deadline", id="the one before was missed"),
        pytest.param(
            SINCE, {"runs": [a_run(0, 6, scheduled_for=None)]}, "starting deadline", id="a manual run holds up nothing"
        ),
        pytest.param(SINCE, {"outages": [OUTAGE]}, "could not be reached from 2026-04-28T12:04:00Z", id="an outage"),
        pytest.param(
            SINCE, {"outages": [Outage(since=at(6))]}, "since then", id="an outage that was noticed just after"
        ),
        pytest.param(SINCE, {"outages": [Outage(since=at(0), until=at(4))]}, "starting deadline", id="one before it"),
        pytest.param(
            SINCE,
            {"outages": [STOP], "runs": [a_run(0, 6)]},
            "the service was stopped from 2026-04-28T12:04:00Z until 2026-04-28T12:30:00Z",
            id="the service was stopped",
        ),
        pytest.param(LATE, {"outages": [STOP]}, "the service was stopped", id="stopped before its sync was noted"),
        pytest.param(
            SINCE, {"outages": [STOP.model_copy(update={"since": at(6)})]}, "starting deadline", id="stopped after it"
        ),
        pytest.param(SINCE, {"cronjob": a_cronjob(suspend=True)}, "suspended by hand", id="suspended to this day"),
        pytest.param(
            SINCE, {"synced": synced(resumed_at=at(6))}, "suspended by hand", id="suspended until it was put back"
        ),
        pytest.param(SINCE, {"cronjob": None}, "not in the cluster any more", id="removed"),
        pytest.param(
            SINCE, {"cronjob": a_cronjob(6)}, "removed by hand, and created again at", id="removed and made anew"
        ),
        pytest.param(
            SINCE, {"cronjob": a_cronjob(last=5)}, "its Job was gone before the service saw it", id="vanished"
        ),
        pytest.param(
            SINCE, {"cronjob": a_cronjob(last=5), "outages": [OUTAGE]}, "its Job was gone", id="vanished in an outage"
        ),
        pytest.param(LATE, {"cronjob": a_cronjob(last=5)}, "its Job was gone", id="vanished before its sync was noted"),
        pytest.param(SINCE, {"cronjob": a_cronjob(last=4)}, "starting deadline", id="only the one before was started"),
        pytest.param(SINCE, {"deleted": True, "cronjob": None}, "the reason is lost", id="the job is gone"),
        pytest.param(LATE, {"outages": [OUTAGE]}, "could not be reached", id="an outage kept the change away"),
        pytest.param(
            LATE,
            {"synced": synced(state=SyncState.ERROR, message="no such quantity")},
            "rejects the job: no such quantity",
            id="rejected",
        ),
        pytest.param(SINCE, {"events": [quota(6)]}, "did not let the CronJob make its Job (Error", id="a quota"),
        pytest.param(SINCE, {"events": [quota(4)]}, "starting deadline", id="a quota that the slot before met"),
        pytest.param(LATE, {"events": [quota(6)]}, "exceeded quota", id="a quota, before its sync was noted"),
        pytest.param(LATE, {}, "did not follow the change of 2026-04-28T12:00:00Z", id="never synced"),
    ],
)
def test_why_a_slot_was_missed(firing: Firing, facts: dict[str, Any], told: str) -> None:
    project = a_project()
    job = a_job(project).model_copy(update={"synced": facts.pop("synced", None)})
    known: dict[str, Any] = {"deleted": False, "cronjob": HEALTHY, "runs": [], "outages": []}

    slot = Slot(at(5), firing, firing.since)

    run = missed_slot.missed_run(slot, SlotFacts(project, job, **known | facts), None, at(20))

    assert told in (run.error_message or "")
    assert (run.status, run.triggered_by, run.scheduled_for) == (RunStatus.ERROR, TriggeredBy.SCHEDULED, at(5))
    assert (run.job_name, run.created_at) == ("jaffle-often-29622965", at(20))


def test_a_time_that_an_edit_wrote_is_no_sign_that_a_slot_was_started() -> None:
    """A sync writes when the schedule was changed to where the controller writes when it last started a Job."""
    project = a_project()
    job = a_job(project).model_copy(update={"slots": SlotHistory(since=at(5))})
    before = SINCE.model_copy(update={"until": at(5)})
    facts = SlotFacts(project, job, deleted=False, cronjob=a_cronjob(last=5), runs=[], outages=[])

    assert "its Job was gone" not in missed_slot.why(Slot(at(5), before, before.since), facts)


def test_a_miss_names_whose_concurrency_policy_it_was() -> None:
    project = a_project(concurrency_policy=ConcurrencyPolicy.ALLOW)
    job = a_job(project, concurrency_policy="Forbid")
    facts = SlotFacts(project, job, deleted=False, cronjob=HEALTHY, runs=[a_run(0, None)], outages=[])

    told = missed_slot.why(Slot(at(5), SINCE, SINCE.since), facts)

    assert "run_before, was still going, and the job's concurrency policy is Forbid" in told


def test_a_slot_is_missed_after_the_jobs_own_deadline() -> None:
    project = a_project()
    job = a_job(project, starting_deadline_seconds=90)
    facts = SlotFacts(project, job, deleted=False, cronjob=HEALTHY, runs=[], outages=[])

    assert job.firing
    firing = job.firing.model_copy(update={"in_force_at": NOON})
    assert "starting deadline of 90 seconds" in missed_slot.why(Slot(at(5), firing, NOON, 90), facts)


def test_no_run_holds_up_the_next_where_both_are_allowed() -> None:
    project = a_project(concurrency_policy=ConcurrencyPolicy.ALLOW)
    facts = SlotFacts(project, a_job(project), deleted=False, cronjob=HEALTHY, runs=[a_run(0, None)], outages=[])

    assert "starting deadline" in missed_slot.why(Slot(at(5), SINCE, SINCE.since), facts)


def test_a_miss_is_always_the_same_run() -> None:
    assert slots.miss_id("job_a", at(5)) == slots.miss_id("job_a", at(5).astimezone())
    assert slots.miss_id("job_a", at(5)) != slots.miss_id("job_a", at(10))
    assert slots.miss_id("job_a", at(5)) != slots.miss_id("job_b", at(5))


@settings(deadline=None)
@given(
    zone=st.sampled_from(sorted(timezones._names())),
    expression=st.sampled_from(["30 1 * * *", "*/20 * * * *", "0 0 * * *", "15 2,3 * * *", "0 */3 * * 0"]),
    begins=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 1)),  # noqa: DTZ001 - made aware below
    cuts=st.lists(st.integers(0, 3 * 24 * 60), max_size=3),
)
def test_slots_are_the_times_at_which_kubernetes_fires_however_often_they_are_settled(
    zone: str, expression: str, begins: datetime, cuts: list[int]
) -> None:
    begins = begins.replace(tzinfo=UTC)
    ends = begins + timedelta(days=3)
    wanted = list(takewhile(lambda fire: fire <= ends, schedule.fire_times(expression, zone, begins)))
    firing = Firing(since=begins, schedule=expression, timezone=zone, cronjob_name="x")

    found: list[datetime] = []
    settled: datetime | None = None
    for cut in [*sorted(begins + timedelta(minutes=minutes) for minutes in cuts), ends]:
        now = [slot.at for slot in slots.owed([firing], [Period(since=NOON - timedelta(days=999))], settled, cut)]
        found += now
        settled = now[-1] if now else settled

    assert found == wanted


ACTIONS = st.sampled_from(
    [{"schedule": "* * * * *"}, {"schedule": "*/7 * * * *"}, {"enabled": False}, {"enabled": True}, {"name": "other"}]
)


@given(
    steps=st.lists(
        st.tuples(st.integers(1, 20), st.one_of(ACTIONS, st.sampled_from(["pause", "go", "settle"]))), max_size=12
    )
)
def test_no_sequence_of_edits_and_pauses_loses_or_invents_a_slot(
    steps: list[tuple[int, dict[str, Any] | str]],
) -> None:
    project = a_project()
    job = a_job(project)
    now = NOON
    wanted: list[datetime] = []
    settled: list[datetime] = []
    for minutes, step in [*steps, (30, "go")]:
        # A simple model: each slot as it passes, judged by the settings of that moment.
        until = now + timedelta(minutes=minutes, seconds=17)
        if job.settings.enabled and project.fires:
            assert job.settings.schedule
            fires = schedule.fire_times(job.settings.schedule, "UTC", now)
            wanted += takewhile(until.__ge__, fires)
        now = until
        if isinstance(step, dict):
            job = changed(job, project, now, **step)
        elif step == "settle":
            settled += (found := owed(job, project, now))
            job = job.settled(found[-1], project, now) if found else job.replanned(project, now)
        else:
            wanted_settings = project.settings.model_copy(update={"suspended": step == "pause"})
            project = project.changed(wanted_settings, now) if wanted_settings != project.settings else project

    assert settled + owed(job, project, now) == wanted
    assert all(one < two for one, two in pairwise(wanted))


def test_a_slot_at_the_end_of_a_pause_is_missed_if_the_cluster_did_not_resume_the_job_and_says_so() -> None:
    project = a_project()
    job = changed(a_job(project), project, at(1), paused_until="2026-04-28T12:30:00Z")
    (slot,) = slots.owed(job.firings, project.periods, None, at(30))
    facts = SlotFacts(project, job, deleted=False, cronjob=None, runs=[], outages=[])

    assert slots.slot_verdict(slot, [], at(42), DEADLINE) is SlotVerdict.MISSED
    assert "not resumed in time after the pause that ended at 2026-04-28T12:30:00Z" in missed_slot.why(slot, facts)
