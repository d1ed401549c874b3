"""The conditional writes of an organization's pulse: what each refuses, and what it leaves."""

from datetime import timedelta

import pytest

from jobs_api.model.organization import Organization
from jobs_api.model.pulse import Pulse
from jobs_api.store import pulses
from tests.functions.people import NOON, new_organization

MINUTE = timedelta(minutes=1)


@pytest.fixture
def first() -> Organization:
    """An organization whose pass began at noon."""
    begun = pulses.begin_asked_pass(new_organization("acme").id, NOON, NOON)
    assert begun
    return begun


def now(organization: Organization) -> Pulse:
    stored = pulses.current_organization(organization.id)
    assert stored
    return stored.pulse


def test_a_request_is_noted_only_for_the_pass_that_runs(first: Organization) -> None:
    assert pulses.ask_busy_pass(first, NOON)
    assert now(first).asked_at == NOON

    assert pulses.end_pass(first, NOON + MINUTE, None, asked=True)
    assert not pulses.ask_busy_pass(first, NOON)

    assert pulses.begin_pass(first.id, first.pulse.generation, NOON + MINUTE)
    assert not pulses.ask_busy_pass(first, NOON)
    assert now(first).asked_at is None


def test_a_pass_ends_with_a_request_only_where_it_knows_of_it(first: Organization) -> None:
    assert pulses.ask_busy_pass(first, NOON)

    assert not pulses.end_pass(first, NOON + MINUTE, None)
    assert pulses.end_pass(first, NOON + MINUTE, None, asked=True)

    left = now(first)
    assert (left.asked_at, left.busy_until, left.due_at) == (None, None, NOON + MINUTE)


def test_a_pass_that_follows_a_dead_one_takes_over_its_request(first: Organization) -> None:
    assert pulses.ask_busy_pass(first, NOON)
    assert pulses.begin_pass(first.id, first.pulse.generation, NOON + MINUTE) is None

    assert pulses.begin_pass(first.id, first.pulse.generation, NOON + pulses.BUSY_FOR)
    assert now(first).asked_at is None


def test_a_pass_begins_beside_one_that_is_busy_for_longer_than_any_is(first: Organization) -> None:
    """The clock was set back by an hour."""
    assert pulses.begin_pass(first.id, first.pulse.generation, NOON - 60 * MINUTE)


def test_a_sync_becomes_due_sooner_and_never_later(first: Organization) -> None:
    for minutes, due in ((20, 20), (10, 10), (15, 10)):
        pulses.sync_sooner(first.id, NOON + minutes * MINUTE)
        assert now(first).sync_due_at == NOON + due * MINUTE
