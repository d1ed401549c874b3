"""Pauses of a job over HTTP: what may be sent, how they show, and that an answer can be sent back at any time."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from jobs_api import store
from jobs_api.model.document import rfc3339
from jobs_api.model.project import Project
from tests.functions.people import NOON, Answer, Person

HOURLY: dict[str, Any] = {"name": "hourly", "command": "dbt build", "schedule": "0 * * * *"}
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def jobs(jaffle: Project) -> str:
    return f"/api/v1/projects/{jaffle.id}/jobs"


def made(alice: Person, jobs: str, **more: Any) -> str:
    answer = alice.call("POST", jobs, HOURLY | more)
    assert answer.status == 201, answer.text
    return f"{jobs}/{answer.json['id']}"


def faults(answer: Answer) -> dict[str, str]:
    assert answer.status == 422, answer.text
    return {one["field"]: one["message"] for one in answer.json["errors"]}


def test_a_paused_job_says_until_when_and_why_and_its_first_firing_from_then_on(alice: Person, jobs: str) -> None:
    job = made(alice, jobs)

    pause = {"paused_until": "2026-04-30T08:00:00+02:00", "pause_reason": "the warehouse moves"}
    paused = alice.call("PUT", job, pause).json

    assert paused["paused_until"] == paused["next_run_at"] == "2026-04-30T06:00:00Z"
    assert (paused["pause_reason"], paused["enabled"]) == ("the warehouse moves", True)
    assert alice.call("GET", job).json == paused


def test_a_pause_that_ends_between_two_slots_is_followed_by_the_next_one(alice: Person, jobs: str) -> None:
    job = made(alice, jobs, paused_until="2026-04-28T14:00:01.999Z")

    shown = alice.call("GET", job).json

    assert (shown["paused_until"], shown["next_run_at"]) == ("2026-04-28T14:00:01Z", "2026-04-28T15:00:00Z")


def test_null_ends_a_pause_together_with_its_reason(alice: Person, jobs: str) -> None:
    job = made(alice, jobs, paused_until=rfc3339(NOON + DAY), pause_reason="moving")

    resumed = alice.call("PUT", job, {"paused_until": None}).json

    assert {"paused_until", "pause_reason"} & resumed.keys() == set()
    assert resumed["next_run_at"] == rfc3339(NOON + HOUR)


def test_a_whole_answer_with_null_in_it_ends_the_pause(alice: Person, jobs: str) -> None:
    job = made(alice, jobs, paused_until=rfc3339(NOON + DAY), pause_reason="moving")

    resumed = alice.call("PUT", job, alice.call("GET", job).json | {"paused_until": None})

    assert (resumed.status, "pause_reason" in resumed.json) == (200, False)


def test_a_pause_can_be_prolonged_and_keeps_its_reason(alice: Person, jobs: str) -> None:
    job = made(alice, jobs, paused_until=rfc3339(NOON + DAY), pause_reason="moving")

    longer = alice.call("PUT", job, {"paused_until": rfc3339(NOON + 2 * DAY)}).json

    assert (longer["paused_until"], longer["pause_reason"]) == (rfc3339(NOON + 2 * DAY), "moving")


def test_a_pause_that_is_over_is_not_shown_and_its_reason_does_not_come_back(alice: Person, jobs: str) -> None:
    job = made(alice, jobs, paused_until=rfc3339(NOON + HOUR), pause_reason="moving")
    later = NOON + HOUR

    shown = alice.call("GET", job, at=later).json
    again = alice.call("PUT", job, {"paused_until": rfc3339(NOON + DAY)}, at=later).json

    assert {"paused_until", "pause_reason"} & shown.keys() == set()
    assert "pause_reason" not in again


def test_an_answer_from_a_pause_can_be_sent_back_after_it_as_often_as_one_likes(alice: Person, jobs: str) -> None:
    job = made(alice, jobs, paused_until=rfc3339(NOON + HOUR), pause_reason="moving")
    body = alice.call("GET", job).json
    later = NOON + 2 * HOUR + timedelta(minutes=30)

    unchanged = alice.call("PUT", job, body, at=later)
    changed = alice.call("PUT", job, body | {"description": "Every hour"}, at=later)
    again = alice.call("PUT", job, body, at=later + DAY)

    assert [answer.status for answer in (unchanged, changed, again)] == [200, 200, 200]
    assert "paused_until" not in changed.json
    assert changed.json["next_run_at"] == rfc3339(NOON + 3 * HOUR)


def test_that_a_pause_is_over_is_not_a_change_that_somebody_made(alice: Person, jobs: str) -> None:
    job = made(alice, jobs, paused_until=rfc3339(NOON + HOUR))
    alice.call("PUT", job, {"description": "Every hour"}, at=NOON + 2 * HOUR)

    newest = alice.call("GET", f"{job}/history", at=NOON + 2 * HOUR).json["versions"][0]

    assert newest["fields"].keys() == {"description"}


def test_an_edit_after_a_pause_loses_no_slot_and_invents_none(alice: Person, jaffle: Project, jobs: str) -> None:
    job = made(alice, jobs, paused_until=rfc3339(NOON + HOUR))
    alice.call("PUT", job, {"description": "Every hour"}, at=NOON + 2 * HOUR)

    project, stored = store.get_job(alice.organization_id, jaffle.id, job.rpartition("/")[2])

    assert stored.due_at == NOON + HOUR
    assert stored.slots.unsettled == []
    assert stored.fires_since(project) == NOON + HOUR - timedelta(seconds=1)


BAD = {
    "in the past": ({"paused_until": rfc3339(NOON - HOUR)}, "paused_until", "is in the past"),
    "now": ({"paused_until": rfc3339(NOON)}, "paused_until", "is in the past"),
    "without an offset": ({"paused_until": "2026-05-04T06:00:00"}, "paused_until", "must be a time with its offset"),
    "other digits": ({"paused_until": "\uff12026-05-04T06:00:00Z"}, "paused_until", "must be a time with its offset"),
    "no such hour": ({"paused_until": "2026-05-04T25:00:00Z"}, "paused_until", "a time of day that does not exist"),
    "a day": ({"paused_until": "2026-05-04"}, "paused_until", "must be a time with its offset"),
    "no day": ({"paused_until": "2026-02-30T06:00:00Z"}, "paused_until", "a day or a time of day that does not exist"),
    "a number": ({"paused_until": 1_800_000_000}, "paused_until", "must be a time with its offset"),
    "too far": ({"paused_until": rfc3339(NOON + 367 * DAY)}, "paused_until", "at most 366 days"),
    "the last year": ({"paused_until": "9999-12-31T23:59:59-12:00"}, "paused_until", "years"),
    "a long reason": ({"paused_until": rfc3339(NOON + DAY), "pause_reason": "x" * 256}, "pause_reason", "255"),
    "a reason alone": ({"pause_reason": "moving"}, "pause_reason", "needs paused_until"),
    "a reason that is none": ({"paused_until": rfc3339(NOON + DAY), "pause_reason": 7}, "pause_reason", "text"),
}


@pytest.mark.parametrize(("body", "field", "message"), BAD.values(), ids=BAD)
def test_a_pause_that_makes_no_sense_is_refused_and_changes_nothing(
    alice: Person, jobs: str, body: dict[str, Any], field: str, message: str
) -> None:
    job = made(alice, jobs)
    before = alice.call("GET", job).json

    found = faults(alice.call("PUT", job, body))

    assert found.keys() == {field}
    assert message in found[field]
    assert alice.call("GET", job).json == before
    assert faults(alice.call("POST", jobs, HOURLY | {"name": "other"} | body)).keys() == {field}


def test_the_longest_pause_and_the_longest_reason_are_taken(alice: Person, jobs: str) -> None:
    longest = {"paused_until": rfc3339(NOON + 366 * DAY), "pause_reason": "\N{GRINNING FACE}" * 255}

    assert alice.call("PUT", made(alice, jobs), longest).status == 200


def test_a_clock_that_is_behind_does_not_make_a_stored_pause_too_long(alice: Person, jobs: str) -> None:
    job = made(alice, jobs, paused_until=rfc3339(NOON + 366 * DAY))

    assert alice.call("PUT", job, {"description": "Hourly"}, at=NOON - timedelta(seconds=9)).status == 200


def test_one_answer_names_a_bad_pause_beside_all_other_faults(alice: Person, jobs: str) -> None:
    found = faults(alice.call("POST", jobs, HOURLY | {"schedule": "often", "paused_until": rfc3339(NOON - DAY)}))

    assert found.keys() == {"schedule", "paused_until"}


def test_an_empty_reason_counts_as_no_reason(alice: Person, jobs: str) -> None:
    paused = alice.call("PUT", made(alice, jobs), {"paused_until": rfc3339(NOON + DAY), "pause_reason": ""}).json

    assert "pause_reason" not in paused


def test_a_rollback_to_a_version_whose_pause_is_over_is_refused_and_changes_nothing(alice: Person, jobs: str) -> None:
    job = made(alice, jobs)
    alice.call("PUT", job, {"paused_until": rfc3339(NOON + HOUR)})
    alice.call("PUT", job, {"paused_until": None})
    later: datetime = NOON + 2 * HOUR

    refused = faults(alice.call("POST", f"{job}/rollback", {"version": 2}, at=later))

    assert "version 2 has a pause that ended at 2026-04-28T13:00:00Z" in refused["paused_until"]
    assert len(alice.call("GET", f"{job}/history", at=later).json["versions"]) == 3


def test_a_rollback_to_a_pause_that_still_lasts_pauses_again_and_one_from_before_ends_it(
    alice: Person, jobs: str
) -> None:
    job = made(alice, jobs)
    alice.call("PUT", job, {"paused_until": rfc3339(NOON + DAY), "pause_reason": "moving"})

    resumed = alice.call("POST", f"{job}/rollback", {"version": 1}).json
    paused = alice.call("POST", f"{job}/rollback", {"version": 2}).json

    assert "paused_until" not in resumed
    assert (paused["paused_until"], paused["pause_reason"]) == (rfc3339(NOON + DAY), "moving")


def test_a_paused_job_can_be_triggered_by_hand(alice: Person, jobs: str) -> None:
    job = made(alice, jobs, paused_until=rfc3339(NOON + DAY))

    assert alice.call("POST", f"{job}/trigger", {}).status == 202
