"""When a pulse counts as lost, so that no pass would come by itself."""

from datetime import UTC, datetime, timedelta

import pytest

from jobs_api.model.pulse import FARTHEST, LOST_AFTER, UNDER_WAY, Pulse

NOW = datetime(2026, 4, 28, 12, 0, tzinfo=UTC)
MOMENT = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("pulse", "lost"),
    [
        pytest.param(Pulse(), True, id="there never was one"),
        pytest.param(Pulse(generation=1, due_at=NOW + MOMENT), False, id="it is due later"),
        pytest.param(Pulse(generation=1, due_at=NOW - LOST_AFTER), False, id="it may be on its way"),
        pytest.param(Pulse(generation=1, due_at=NOW - LOST_AFTER - MOMENT), True, id="it never came"),
        pytest.param(Pulse(generation=1, due_at=NOW + FARTHEST), False, id="it is due much later"),
        pytest.param(Pulse(generation=1, due_at=NOW + FARTHEST + MOMENT), True, id="the clock was set back"),
        pytest.param(Pulse(generation=1, busy_until=NOW + MOMENT), False, id="a pass goes on"),
        pytest.param(Pulse(generation=1, busy_until=NOW - LOST_AFTER - MOMENT), True, id="the pass is dead"),
    ],
)
def test_a_pulse_is_lost_when_its_time_is_well_past(pulse: Pulse, *, lost: bool) -> None:
    assert pulse.is_lost(NOW) is lost


@pytest.mark.parametrize(
    ("pulse", "overdue"),
    [
        pytest.param(Pulse(), False, id="there never was one: the tick sees to that"),
        pytest.param(Pulse(generation=1, due_at=NOW + MOMENT), False, id="it is due later"),
        pytest.param(Pulse(generation=1, due_at=NOW - UNDER_WAY / 2), False, id="it may be on its way"),
        pytest.param(Pulse(generation=1, due_at=NOW - UNDER_WAY), True, id="it never came"),
        pytest.param(Pulse(generation=1, busy_until=NOW + MOMENT), False, id="a pass goes on"),
        pytest.param(Pulse(generation=1, busy_until=NOW - MOMENT), False, id="the pass is dead: that is the tick's"),
    ],
)
def test_a_pass_is_overdue_when_it_should_have_begun(pulse: Pulse, *, overdue: bool) -> None:
    assert pulse.is_overdue(NOW) is overdue


@pytest.mark.parametrize(
    ("due_at", "alike"),
    [
        pytest.param(None, False, id="none was announced"),
        pytest.param(NOW, True, id="at that moment"),
        pytest.param(NOW - timedelta(seconds=0.9), True, id="the pass took most of a second"),
        pytest.param(NOW + timedelta(seconds=0.9), True, id="a slot comes most of a second sooner"),
        pytest.param(NOW - MOMENT, False, id="later"),
        pytest.param(NOW + MOMENT, False, id="sooner"),
    ],
)
def test_an_announced_moment_holds_for_less_than_a_second_around_it(due_at: datetime | None, *, alike: bool) -> None:
    assert Pulse(generation=1, due_at=due_at).is_due_about(NOW) is alike


@pytest.mark.parametrize(("milliseconds", "alike"), [(0, True), (499, True), (500, False), (-499, True), (-500, False)])
def test_a_request_is_the_noted_one_for_less_than_half_a_second_around_it(milliseconds: int, *, alike: bool) -> None:
    """The pass that the noted one gets begins after it, by more than an index lags."""
    moment = NOW + timedelta(milliseconds=milliseconds)
    assert Pulse(generation=1, asked_at=NOW).is_asked_about(moment) is alike
    assert not Pulse(generation=1).is_asked_about(moment)
