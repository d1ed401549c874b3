"""GET …/slots: what became of each slot, whatever was edited meanwhile."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from jobs_api import store
from jobs_api.ids import new_id
from jobs_api.model.document import rfc3339
from jobs_api.model.job import Job
from jobs_api.model.job_settings import JobSettings
from jobs_api.model.project import Project
from jobs_api.model.run import Run, RunStatus, TriggeredBy
from jobs_api.model.slots import miss_id
from jobs_api.store import pages
from tests.functions.people import NOON, Answer, Person
from tests.functions.test_runs import a_run

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
HOURLY: dict[str, Any] = {"name": "hourly", "command": "dbt build", "schedule": "0 * * * *"}


class Slots:
    """A job of an old project and its slots, as a user reads them at NOON unless said otherwise."""

    def __init__(self, alice: Person, project: Project, made_at: datetime, **settings: Any) -> None:
        self.alice = alice
        since = made_at - DAY
        self.project = project.model_copy(update={"fires_since": since, "created_at": since, "version": 2})
        store.update_project(self.project, project.version)
        document = HOURLY | settings
        self.job = Job.new(new_id("job_"), JobSettings.of(document, self.project, made_at), self.project, made_at)
        store.create_job(self.job)
        self.path = f"/api/v1/projects/{project.id}/jobs/{self.job.id}"

    def put(self, at: datetime, **changes: Any) -> None:
        answer = self.alice.call("PUT", self.path, changes, at=at)
        assert answer.status == 200, answer.text

    def operate(self, at: datetime, **settings: Any) -> None:
        before = store.get_project(self.project.organization_id, self.project.id)
        after = before.changed(before.settings.model_copy(update=settings), at)
        store.update_project(after, before.version)

    def run(self, slot: datetime, **more: Any) -> Run:
        """Record that a slot ran."""
        run = a_run(self.project).model_copy(
            update={
                "id": new_id("run_"),
                "job_id": self.job.id,
                "status": RunStatus.FAILED,
                "scheduled_for": slot,
                "triggered_by": TriggeredBy.SCHEDULED,
                "created_at": slot + timedelta(seconds=1),
                **more,
            }
        )
        assert store.create_run(run)
        return run

    def miss(self, slot: datetime, *, recorded_at: datetime | None = None) -> str:
        """Record that a slot was missed."""
        at = recorded_at or slot + 11 * MINUTE
        run_id = miss_id(self.job.id, slot)
        self.run(slot, id=run_id, status=RunStatus.ERROR, error_message="Missed: the cluster was away", created_at=at)
        return run_id

    def settle(self, until: datetime) -> None:
        """Record that all slots up to a time are settled."""
        project, job = store.get_job(self.project.organization_id, self.project.id, self.job.id)
        due = next(one for one in store.due_jobs(job.organization_id, until + DAY) if one.job.id == job.id)
        assert store.settle_job(due, job.settled(until, project, until))

    def asked(self, at: datetime = NOON, /, **query: str) -> Answer:
        return self.alice.call("GET", f"{self.path}/slots", query=query, at=at)

    def outcomes(self, at: datetime = NOON, /, **query: str) -> list[tuple[str, str]]:
        answer = self.asked(at, **query)
        assert answer.status == 200, answer.text
        return [(one["scheduled_for"][5:16], one["outcome"]) for one in answer.json["slots"]]


@pytest.fixture
def slots(alice: Person, jaffle: Project) -> Slots:
    """Return a job that is three and a half hours old: its slots are 09:00 to 12:00."""
    return Slots(alice, jaffle, NOON - 3.5 * HOUR)


def test_slots_are_listed_as_run_missed_or_next(slots: Slots) -> None:
    ran, missed = slots.run(NOON - 3 * HOUR), slots.miss(NOON - 2 * HOUR)
    slots.run(NOON - HOUR)
    slots.settle(NOON - HOUR)

    found = slots.asked(NOON + MINUTE).json["slots"]

    assert found[:2] == [
        {"scheduled_for": "2026-04-28T09:00:00Z", "outcome": "ran", "run_id": ran.id},
        {
            "scheduled_for": "2026-04-28T10:00:00Z",
            "outcome": "missed",
            "run_id": missed,
            "reason": "the cluster was away",
        },
    ]
    assert [(one["scheduled_for"][11:16], one["outcome"]) for one in found[2:]] == [
        ("11:00", "ran"),
        ("12:00", "upcoming"),
        ("13:00", "upcoming"),
    ]
    assert "no run of it is known yet" in found[3]["reason"]
    assert "reason" not in found[4]


def test_slots_of_a_pause_are_paused_with_the_reason_of_that_time_also_those_to_come(slots: Slots) -> None:
    slots.run(NOON - 3 * HOUR)
    slots.put(NOON - 2.5 * HOUR, paused_until=rfc3339(NOON + HOUR), pause_reason="moving")
    slots.put(NOON - 1.5 * HOUR, paused_until=rfc3339(NOON + 2 * HOUR), pause_reason="still moving")

    found = slots.asked().json["slots"]

    assert [(one["scheduled_for"][11:16], one["outcome"], one.get("reason")) for one in found] == [
        ("09:00", "ran", None),
        ("10:00", "paused", "moving"),
        ("11:00", "paused", "still moving"),
        ("12:00", "paused", "still moving"),
        ("13:00", "paused", "still moving"),
        ("14:00", "upcoming", None),
    ]


def test_slots_stay_paused_after_the_pause_and_after_later_edits(slots: Slots) -> None:
    slots.put(NOON - 3.5 * HOUR, paused_until=rfc3339(NOON - 1 * HOUR), pause_reason="moving")
    slots.run(NOON - HOUR)
    slots.put(NOON - 0.5 * HOUR, schedule="*/30 * * * *", description="more often")

    assert slots.outcomes(NOON + MINUTE) == [
        ("04-28T09:00", "paused"),
        ("04-28T10:00", "paused"),
        ("04-28T11:00", "ran"),
        ("04-28T12:00", "upcoming"),
        ("04-28T12:30", "upcoming"),
    ]


def test_a_pause_that_was_ended_early_has_the_slots_until_then(slots: Slots) -> None:
    slots.put(NOON - 3.5 * HOUR, paused_until=rfc3339(NOON + DAY), pause_reason="moving")
    slots.put(NOON - 1.5 * HOUR, paused_until=None)
    slots.run(NOON - HOUR)

    assert slots.outcomes(NOON - MINUTE) == [
        ("04-28T09:00", "paused"),
        ("04-28T10:00", "paused"),
        ("04-28T11:00", "ran"),
        ("04-28T12:00", "upcoming"),
    ]


def test_a_pause_of_the_project_says_its_reason_for_each_of_its_jobs(slots: Slots) -> None:
    slots.operate(NOON - 3.2 * HOUR, paused_until=NOON - 1 * HOUR, pause_reason="the warehouse moves")
    slots.run(NOON - HOUR)
    slots.operate(NOON - 0.5 * HOUR, image="dbt:3")

    found = slots.asked(NOON - MINUTE).json["slots"]

    assert [(one["outcome"], one.get("reason")) for one in found] == [
        ("paused", "the warehouse moves"),
        ("paused", "the warehouse moves"),
        ("ran", None),
        ("upcoming", None),
    ]


def test_a_slot_that_ran_during_a_pause_is_listed_as_ran(slots: Slots) -> None:
    slots.put(NOON - 2 * HOUR - timedelta(seconds=1), paused_until=rfc3339(NOON))
    slots.run(NOON - 2 * HOUR)

    assert ("04-28T10:00", "ran") in slots.outcomes()


def test_an_earlier_schedule_has_its_own_slots(slots: Slots) -> None:
    slots.run(NOON - 3 * HOUR)
    slots.put(NOON - 2.5 * HOUR, schedule="30 * * * *", paused_until=rfc3339(NOON))
    slots.put(NOON - HOUR, schedule="15 11 * * *")

    assert slots.outcomes() == [
        ("04-28T09:00", "ran"),
        ("04-28T10:30", "paused"),
        ("04-28T11:15", "paused"),
        ("04-29T11:15", "upcoming"),
    ]


def test_times_at_which_the_job_or_its_project_was_to_run_nothing_are_no_slots(slots: Slots) -> None:
    slots.put(NOON - 3.4 * HOUR, enabled=False)
    slots.put(NOON - 2.5 * HOUR, enabled=True)
    slots.operate(NOON - 2.4 * HOUR, suspended=True)
    slots.operate(NOON - 1.5 * HOUR, suspended=False)
    slots.operate(NOON - 1.4 * HOUR, deployed=False)

    assert slots.outcomes() == []

    slots.operate(NOON - 0.5 * HOUR, deployed=True)
    assert slots.outcomes(NOON - MINUTE) == [("04-28T12:00", "upcoming")]


def test_a_run_of_a_schedule_that_nobody_remembers_is_a_slot_all_the_same(slots: Slots) -> None:
    early = NOON - 2 * DAY
    slots.run(early)
    missed_late = slots.miss(early + HOUR, recorded_at=early + 30 * HOUR)

    found = slots.asked().json["slots"]

    assert [one["outcome"] for one in found[:2]] == ["ran", "missed"]
    assert found[1]["run_id"] == missed_late


def test_a_miss_that_was_recorded_days_later_is_found(slots: Slots) -> None:
    missed = slots.miss(NOON - 2 * HOUR, recorded_at=NOON + 2 * DAY)
    later = NOON + 2 * DAY + HOUR

    query = {"from": rfc3339(NOON - 3 * HOUR), "to": rfc3339(NOON - HOUR)}
    found = slots.asked(later, **query).json["slots"]

    assert [(one["outcome"], one.get("run_id")) for one in found] == [("upcoming", None), ("missed", missed)]


def test_manual_runs_and_runs_of_other_jobs_are_no_slots(slots: Slots) -> None:
    slots.run(NOON - 3 * HOUR, job_id="job_other")
    slots.run(NOON - 2 * HOUR, scheduled_for=None, triggered_by=TriggeredBy.MANUAL)

    assert {outcome for _, outcome in slots.outcomes()} == {"upcoming"}


def test_a_slot_that_was_settled_without_a_run_is_left_out(slots: Slots) -> None:
    """The slot came within the two minutes in which an edit reaches the cluster."""
    slots.settle(NOON - HOUR)

    assert slots.outcomes() == [("04-28T12:00", "upcoming"), ("04-28T13:00", "upcoming")]


def test_local_times_that_clocks_skip_have_a_reason_in_words(alice: Person, jaffle: Project) -> None:
    now = datetime(2027, 3, 27, 12, tzinfo=NOON.tzinfo)
    slots = Slots(alice, jaffle, now - HOUR, schedule="30 2 * * *", timezone="Europe/Berlin")

    found = slots.asked(now, to="2027-03-30T00:00:00Z").json["slots"]

    assert found == [
        {
            "scheduled_for": "2027-03-28T01:30:00Z",
            "outcome": "skipped_by_clock",
            "reason": "clocks in Europe/Berlin go from 02:00 to 03:00 on 2027-03-28, so there is no 02:30",
        },
        {"scheduled_for": "2027-03-29T00:30:00Z", "outcome": "upcoming"},
    ]


def test_a_job_that_runs_each_minute_has_its_newest_thousand_slots_and_the_next_one(
    alice: Person, jaffle: Project
) -> None:
    slots = Slots(alice, jaffle, NOON - 20 * DAY, schedule="* * * * *")

    newest = slots.outcomes()
    oldest = slots.outcomes(**{"from": rfc3339(NOON - 3 * DAY)})
    refused = slots.asked(**{"from": rfc3339(NOON - 3 * DAY), "to": rfc3339(NOON)})

    assert (len(newest), newest[-1]) == (1000, ("04-28T12:01", "upcoming"))
    assert (len(oldest), oldest[0][0]) == (1000, "04-25T12:00")
    assert (refused.status, refused.faulty_fields) == (422, ["to"])
    assert "so many end at 2026-04-26T04:39:00Z" in refused.text


def test_a_pause_of_months_shows_a_hundred_of_its_slots_to_come(alice: Person, jaffle: Project) -> None:
    slots = Slots(alice, jaffle, NOON - MINUTE / 2, schedule="* * * * *", paused_until=rfc3339(NOON + 90 * DAY))

    found = slots.outcomes()

    assert len(found) == 101
    assert {outcome for _, outcome in found} == {"paused"}


def test_a_yearly_job_shows_its_next_slot(alice: Person, jaffle: Project) -> None:
    slots = Slots(alice, jaffle, NOON - DAY, schedule="@yearly")

    assert slots.asked().json["slots"] == [{"scheduled_for": "2027-01-01T00:00:00Z", "outcome": "upcoming"}]


def test_a_job_without_a_schedule_has_no_slots_but_those_of_its_earlier_schedule(slots: Slots) -> None:
    first = slots.alice.call("POST", slots.path.rpartition("/")[0], HOURLY | {"name": "first"}, at=NOON - 3 * HOUR).json
    slots.run(NOON - 3 * HOUR)
    slots.put(NOON - 2.5 * HOUR, paused_until=rfc3339(NOON))
    slots.put(NOON - 1.5 * HOUR, schedule=None, paused_until=None, run_after=[{"job_id": first["id"]}])

    assert slots.outcomes() == [("04-28T09:00", "ran"), ("04-28T10:00", "paused")]


def test_the_end_of_a_range_is_not_a_part_of_it(slots: Slots) -> None:
    query = {"from": rfc3339(NOON + HOUR), "to": rfc3339(NOON + 3 * HOUR)}

    assert slots.outcomes(**query) == [("04-28T13:00", "upcoming"), ("04-28T14:00", "upcoming")]


BAD = {
    "backwards": ({"from": rfc3339(NOON), "to": rfc3339(NOON - HOUR)}, "to", "must be after from"),
    "empty": ({"from": rfc3339(NOON), "to": rfc3339(NOON)}, "to", "must be after from"),
    "too long": ({"from": rfc3339(NOON), "to": rfc3339(NOON + 32 * DAY)}, "to", "at most 31 days after from"),
    "long ago": ({"from": rfc3339(NOON - 32 * DAY)}, "from", "31 days"),
    "all long ago": ({"to": rfc3339(NOON - 32 * DAY)}, "to", "31 days"),
    "no offset": ({"from": "2026-04-28T02:00:00"}, "from", "offset"),
    "a lost plus": ({"to": "2026-04-28T02:00:00 02:00"}, "to", "%2B"),
    "nonsense": ({"from": "yesterday"}, "from", "offset"),
    "the end of time": ({"to": "9999-12-31T23:59:59-23:00"}, "to", "years"),
}


@pytest.mark.parametrize(("query", "field", "message"), BAD.values(), ids=BAD)
def test_a_bad_range_is_refused(slots: Slots, query: dict[str, str], field: str, message: str) -> None:
    answer = slots.asked(**query)

    assert (answer.status, answer.faulty_fields) == (422, [field])
    assert message in answer.text


def test_both_ends_of_a_range_that_are_too_long_ago_are_named(slots: Slots) -> None:
    answer = slots.asked(**{"from": rfc3339(NOON - 33 * DAY), "to": rfc3339(NOON - 32 * DAY)})

    assert (answer.status, answer.faulty_fields) == (422, ["from", "to"])


def test_the_far_end_of_time_is_a_range_like_others(slots: Slots) -> None:
    assert slots.outcomes(to="9998-12-31T23:30:00Z")[-1] == ("12-31T23:00", "upcoming")
    assert slots.outcomes(**{"from": "9998-12-31T22:30:00Z"}) == [("12-31T23:00", "upcoming")]


def test_a_request_reads_a_limited_number_of_runs(slots: Slots, monkeypatch: pytest.MonkeyPatch) -> None:
    """If there are very many runs by hand, the newest are read; the slots from before these are not known."""
    monkeypatch.setattr(pages, "ROWS_A_QUERY", 2)
    slots.run(NOON - 3 * HOUR)
    for minute in range(10):
        at = NOON - HOUR + minute * MINUTE
        slots.run(at, scheduled_for=None, triggered_by=TriggeredBy.MANUAL, created_at=at + MINUTE)
    slots.run(NOON)

    refused = slots.asked(NOON + MINUTE, **{"from": rfc3339(NOON - 4 * HOUR)})

    assert slots.outcomes(NOON + MINUTE) == [("04-28T12:00", "ran"), ("04-28T13:00", "upcoming")]
    assert (refused.status, refused.faulty_fields) == (422, ["from"])
    assert "ask from 2026-04-28T11:02:00Z on" in refused.text


def test_a_thousand_slots_without_a_run_are_looked_up_in_ten_reads(
    alice: Person, jaffle: Project, made: list[str]
) -> None:
    slots = Slots(alice, jaffle, NOON - 2 * DAY, schedule="* * * * *")
    made.clear()

    slots.asked()

    assert made == ["BatchGetItem", "Query", *["BatchGetItem"] * 10]


def test_a_job_that_nobody_has_has_no_slots(alice: Person, jaffle: Project) -> None:
    assert alice.call("GET", f"/api/v1/projects/{jaffle.id}/jobs/job_none/slots").status == 404
