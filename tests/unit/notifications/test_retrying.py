"""When a failed delivery is tried again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_api.notifications.backoff import GIVE_UP_AFTER, LONGEST_PAUSE, SHORTEST, asked_for, next_attempt

NOON = datetime(2026, 4, 28, 12, 0, tzinfo=UTC)
MIDNIGHT = NOON + timedelta(hours=12)


@pytest.mark.parametrize(
    ("attempts", "chance", "seconds"), [(1, 1.0, 20), (2, 1.0, 40), (3, 0.5, 40), (1, 0.0, 1), (40, 1.0, 6 * 3600)]
)
def test_waits_double_up_to_six_hours_and_any_part_of_them_may_be_drawn(
    attempts: int, chance: float, seconds: int
) -> None:
    assert next_attempt(attempts, NOON, MIDNIGHT, chance=chance) == NOON + timedelta(seconds=seconds)


def test_the_retry_after_of_a_receiver_is_obeyed() -> None:
    hour = timedelta(hours=1)

    assert next_attempt(1, NOON, MIDNIGHT, retry_after=hour, chance=0.5) == NOON + hour


def test_an_attempt_that_would_be_too_late_is_made_at_the_last_moment() -> None:
    assert next_attempt(1, NOON, MIDNIGHT, retry_after=timedelta(days=3)) == MIDNIGHT


def test_after_the_last_moment_nothing_is_tried() -> None:
    assert next_attempt(1, MIDNIGHT, MIDNIGHT) is None


@pytest.mark.slow
@given(st.lists(st.floats(0, 1), min_size=400, max_size=400))
def test_attempts_continue_for_a_day_and_no_longer(chances: list[float]) -> None:
    now, give_up_at, attempts = NOON, NOON + GIVE_UP_AFTER, 0
    for attempts, chance in enumerate(chances, start=1):
        after = next_attempt(attempts, now, give_up_at, chance=chance)
        if after is None:
            assert now == give_up_at
            break
        assert SHORTEST <= after - now <= LONGEST_PAUSE or after == give_up_at
        now = after
    assert now <= give_up_at


def test_in_a_usual_day_there_are_some_twenty_attempts() -> None:
    now, give_up_at, attempts = NOON, NOON + GIVE_UP_AFTER, 1
    while (after := next_attempt(attempts, now, give_up_at, chance=0.5)) is not None:
        now, attempts = after, attempts + 1

    assert 15 <= attempts <= 25


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-3", None),
        ("1.5", None),
        ("٣", None),
        ("120", timedelta(minutes=2)),
        (" 7 ", timedelta(seconds=7)),
        ("999999999", GIVE_UP_AFTER),
        ("9" * 5000, GIVE_UP_AFTER),
        ("Tue, 28 Apr 2026 12:05:00 GMT", timedelta(minutes=5)),
        ("Tue, 28 Apr 2026 11:05:00 GMT", timedelta(0)),
        ("Tue, 28 Apr 2026 12:05:00", timedelta(minutes=5)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", GIVE_UP_AFTER),
        ("Fri, 31 Dec 9999 23:59:59 -2300", GIVE_UP_AFTER),
        ("Tue, 28 Apr 2026 12:05:00 +99999999999999999999", GIVE_UP_AFTER),
        ("x" * 65_000, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_at_most_a_day(header: str | None, wait: timedelta | None) -> None:
    assert asked_for(header, NOON) == wait


@given(st.text() | st.from_regex(r"\w{3}, \d{1,3} \w{3} \d{1,5} \d{1,3}:\d\d:\d\d [+-]?\w{1,6}"))
def test_no_retry_after_is_too_much(header: str) -> None:
    wait = asked_for(header, NOON)

    assert wait is None or timedelta(0) <= wait <= GIVE_UP_AFTER
