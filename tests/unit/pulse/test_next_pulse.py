"""When an organization's next pass is due: each reason alone, and all reasons together."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_api.model.slots import AwaitedSlot
from jobs_api.pulse.next_pulse import JOB_WITHIN, SOONEST, Pace, PassFacts, may_announce, next_pulse, spare_after

NOW = datetime(2026, 4, 28, 12, 0, tzinfo=UTC)
PACE = Pace()
MOMENTS = st.integers(-7200, 7200).map(lambda seconds: NOW + timedelta(seconds=seconds))
# A slot counts as missed a minute after its starting deadline.
SLOTS = st.builds(
    lambda at, deadline: AwaitedSlot(at, at + timedelta(seconds=60 + deadline)), MOMENTS, st.integers(10, 9000)
)
FACTS = st.builds(
    PassFacts,
    moving=st.booleans(),
    next_slot=st.none() | MOMENTS,
    awaited=st.lists(SLOTS, max_size=3),
    work_left=st.booleans(),
    unreached_since=st.none() | MOMENTS,
    incomplete=st.booleans(),
    sync_due_at=st.none() | MOMENTS,
    due=st.lists(MOMENTS, max_size=3),
)
PACES = st.builds(
    Pace,
    open_runs=st.integers(1, 60).map(lambda seconds: timedelta(seconds=seconds)),
    latest=st.integers(10, 900).map(lambda seconds: timedelta(seconds=seconds)),
)


def after(**time: float) -> datetime:
    return NOW + timedelta(**time)


@pytest.mark.parametrize(
    ("facts", "seconds"),
    [
        pytest.param({}, 600, id="nothing runs and nothing is due"),
        pytest.param({"moving": True}, 5, id="a run is open"),
        pytest.param({"work_left": True}, 5, id="something is still to be told or launched"),
        pytest.param({"next_slot": after(minutes=3)}, 181, id="a slot comes: just after it"),
        pytest.param({"next_slot": after(hours=3)}, 600, id="a slot comes, but not soon"),
        pytest.param({"next_slot": NOW}, 1, id="a slot comes at this moment"),
        pytest.param(
            {"awaited": [AwaitedSlot(after(seconds=-9), after(hours=1))]}, 5, id="a slot has come, its Job not yet"
        ),
        pytest.param(
            {"awaited": [AwaitedSlot(after(minutes=-2), after(minutes=3))]}, 181, id="a slot will count as missed"
        ),
        pytest.param(
            {"awaited": [AwaitedSlot(after(minutes=-2), after(hours=3))]}, 600, id="a slot will, but not soon"
        ),
        pytest.param(
            {"awaited": [AwaitedSlot(NOW - JOB_WITHIN, after(hours=3))]}, 600, id="its Job has not come in time"
        ),
        pytest.param({"incomplete": True}, 30, id="a part of the pass failed"),
        pytest.param({"sync_due_at": after(minutes=1)}, 60, id="a sync is tried again"),
        pytest.param({"due": [after(minutes=4), after(minutes=2)]}, 120, id="something else falls due"),
        pytest.param({"due": [after(minutes=-4)]}, 1, id="something else is overdue"),
        pytest.param({"unreached_since": NOW}, 5, id="the cluster is out of reach, just now"),
        pytest.param({"unreached_since": after(seconds=-20)}, 20, id="for as long as it has been"),
        pytest.param({"unreached_since": after(hours=-2), "moving": True}, 60, id="for hours, runs or no runs"),
        pytest.param({"moving": True, "due": [after(seconds=2)]}, 2, id="the first reason of two"),
        pytest.param({"moving": True, "next_slot": after(seconds=2)}, 5, id="a slot comes while another run is open"),
        # A Pod whose image cannot be pulled belongs to a run that is open until it is given up.
        pytest.param({"moving": True, "due": [after(minutes=9)]}, 5, id="an image pull is given up later"),
    ],
)
def test_the_first_reason_decides(facts: dict[str, Any], seconds: float) -> None:
    assert next_pulse(PassFacts(**facts), NOW, PACE) == after(seconds=seconds)


@pytest.mark.parametrize(
    ("due_in", "generation", "asked", "spare"),
    [
        pytest.param(5, 8, False, 12, id="runs are open"),
        pytest.param(5, 9, False, None, id="the pulse before has one"),
        pytest.param(5, 9, True, 12, id="a trigger may be the first of many passes"),
        pytest.param(1, 8, False, 12, id="the next pass is sooner"),
        pytest.param(6, 8, True, None, id="nothing runs"),
        pytest.param(600, 8, False, None, id="nothing runs, and nothing is due"),
    ],
)
def test_every_second_pulse_has_a_spare_while_runs_are_open(
    due_in: int, generation: int, spare: int | None, *, asked: bool
) -> None:
    after_pulses = spare_after(timedelta(seconds=due_in), generation, PACE, asked=asked)

    assert after_pulses == (timedelta(seconds=spare) if spare else None)


@pytest.mark.parametrize(
    ("due_in", "took", "announces"),
    [
        pytest.param(5, 0.1, True, id="runs are open"),
        pytest.param(1, 0.1, True, id="a slot comes sooner"),
        pytest.param(6, 0.1, False, id="nothing runs: the one after it will be far away"),
        pytest.param(5, 1, False, id="a long pass: no other one is to be made beside the next one"),
    ],
)
def test_a_pass_announces_the_next_one_while_runs_are_open_and_passes_are_short(
    due_in: float, took: float, *, announces: bool
) -> None:
    assert may_announce(timedelta(seconds=due_in), timedelta(seconds=took), PACE) is announces


@given(facts=FACTS, pace=PACES)
def test_the_next_pulse_is_within_its_bounds(facts: PassFacts, pace: Pace) -> None:
    assert NOW + SOONEST <= next_pulse(facts, NOW, pace) <= NOW + pace.latest


@given(facts=FACTS, pace=PACES, seconds=st.integers(0, 600))
def test_passing_time_never_makes_the_next_pulse_earlier(facts: PassFacts, pace: Pace, seconds: int) -> None:
    assert next_pulse(facts, after(seconds=seconds), pace) >= next_pulse(facts, NOW, pace)


@given(facts=FACTS, pace=PACES, more=MOMENTS)
def test_another_reason_never_makes_the_next_pulse_later(facts: PassFacts, pace: Pace, more: datetime) -> None:
    with_more = PassFacts(**{**vars(facts), "due": [*facts.due, more]})

    assert next_pulse(with_more, NOW, pace) <= next_pulse(facts, NOW, pace)
