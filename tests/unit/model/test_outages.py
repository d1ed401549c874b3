"""When an organization's cluster could not be reached, and when the service itself was stopped."""

from datetime import UTC, datetime, timedelta

from jobs_api.model.organization import Organization
from jobs_api.model.periods import KEPT_FOR, Outage

NOON = datetime(2026, 4, 28, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)


def acme(*outages: Outage) -> Organization:
    return Organization.known(id="org-acme", name="Acme", created_at=NOON, outages=list(outages))


def test_a_stop_is_an_outage_that_says_so_and_is_over() -> None:
    stop = Outage(since=NOON, until=LATER, stopped=True)
    assert acme().outages_after_stop(NOON, LATER) == [stop]
    assert not acme(stop).is_cut_off


def test_an_outage_that_went_on_when_the_service_was_stopped_ends_there() -> None:
    """Otherwise the outage would never end, because the next pass reads only the newest one."""
    went_on = Outage(since=NOON - timedelta(hours=1))
    outages = acme(went_on).outages_after_stop(NOON, LATER)
    assert outages == [went_on.model_copy(update={"until": NOON}), Outage(since=NOON, until=LATER, stopped=True)]


def test_a_stop_of_no_length_is_no_outage() -> None:
    assert acme().outages_after_stop(NOON, NOON) == []


def test_a_stop_that_is_recorded_twice_is_one_outage() -> None:
    first = acme().outages_after_stop(NOON, LATER)
    again = acme(*first).outages_after_stop(NOON, LATER + timedelta(minutes=5))
    assert again == [Outage(since=NOON, until=LATER + timedelta(minutes=5), stopped=True)]


def test_a_restart_now_and_then_does_not_fill_the_item() -> None:
    organization = acme()
    for day in range(400):
        since = NOON + timedelta(days=day)
        outages = organization.outages_after_stop(since, since + timedelta(minutes=1))
        organization = organization.model_copy(update={"outages": outages})
    assert len(organization.outages) <= KEPT_FOR.days + 1


def test_one_that_a_version_before_wrote_was_no_stop() -> None:
    assert not Outage.model_validate({"since": "2026-04-28T12:00:00Z", "until": None}).stopped
