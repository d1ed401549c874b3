"""An ingest remembers settled Jobs, for a limited time."""

from datetime import UTC, datetime, timedelta

from jobs_api.ingest.finished_cache import FORGOTTEN_AFTER, LIMIT, Settled

NOON = datetime(2026, 4, 28, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def remembering(uid: str = "uid") -> Settled:
    settled = Settled()
    assert not settled.holds("org-acme", uid, NOON)
    settled.keep("org-acme", uid)
    return settled


def test_settled_jobs_are_remembered_for_an_hour() -> None:
    settled = remembering()

    assert settled.holds("org-acme", "uid", NOON + FORGOTTEN_AFTER - SECOND)
    assert not settled.holds("org-acme", "uid", NOON + FORGOTTEN_AFTER)


def test_a_clock_that_was_set_back_empties_the_memory() -> None:
    assert not remembering().holds("org-acme", "uid", NOON - SECOND)


def test_a_settled_job_is_remembered_for_its_own_organization_alone() -> None:
    settled = remembering()

    assert not settled.holds("org-other", "uid", NOON)
    assert not settled.holds("org-acme", "another", NOON)


def test_the_memory_of_settled_jobs_is_bounded() -> None:
    settled = remembering()
    for number in range(LIMIT):
        settled.keep("org-acme", str(number))

    assert not settled.holds("org-acme", "uid", NOON)
    assert settled.holds("org-acme", str(LIMIT - 1), NOON)
