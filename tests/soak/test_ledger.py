"""The slots of which a job's owner can be certain, under all faults."""

from datetime import UTC, datetime, timedelta

from tests.soak.ledger import KnownJob, Lasting, certain_slots

NOON = datetime(2026, 4, 28, 12, 0, 30, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return NOON + timedelta(minutes=minutes)


def slots(*fired: Lasting, project: list[Lasting], until: datetime) -> list[int]:
    job = KnownJob("job_one", "org-acme", "proj_one", {}, fired=list(fired))
    return [found.minute for found in certain_slots(job, project, until)]


def test_nothing_is_expected_in_the_first_two_minutes_after_an_acknowledgement() -> None:
    job, project = Lasting(NOON, schedule="* * * * *"), [Lasting(at(-60))]
    assert slots(job, project=project, until=at(6)) == [3, 4, 5, 6]


def test_slots_after_a_requested_change_are_uncertain() -> None:
    before, after = Lasting(NOON, at(5), "* * * * *"), Lasting(at(6), schedule="*/2 * * * *")
    assert slots(before, after, project=[Lasting(at(-60))], until=at(14)) == [3, 4, 5, 10, 12, 14]


def test_a_project_that_rests_makes_no_slots() -> None:
    job = Lasting(NOON, schedule="* * * * *")
    assert slots(job, project=[Lasting(NOON, at(4)), Lasting(at(9))], until=at(13)) == [3, 4, 12, 13]
    assert slots(job, project=[], until=at(13)) == []
