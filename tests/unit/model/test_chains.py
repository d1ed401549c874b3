"""A cycle of jobs is found in any graph, and a follower's ends are counted as a list on paper would."""

from datetime import UTC, datetime, timedelta
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_api.errors import MOST_OF_A_MESSAGE
from jobs_api.model import chains
from jobs_api.model.chains import CountedEnd, Predecessor, RunEnd

NOON = datetime(2026, 4, 28, 12, tzinfo=UTC)
graphs = st.dictionaries(st.integers(0, 7).map(str), st.sets(st.integers(0, 7).map(str), max_size=3), max_size=8)


def has_cycle(graph: dict[str, set[str]]) -> bool:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError:
        return True
    return False


@given(graphs, st.integers(0, 7).map(str), st.sets(st.integers(0, 7).map(str), max_size=4))
def test_a_change_is_refused_exactly_where_it_closes_a_cycle(
    graph: dict[str, set[str]], job: str, after: set[str]
) -> None:
    before = {name: others for name, others in graph.items() if name != job}
    if has_cycle(before):
        return
    wanted = before | {job: after}

    ways = {one: chains.cycle(job, wanted, one) for one in after if one != job}

    assert has_cycle(wanted) is (job in after or any(ways.values()))
    for one, way in ways.items():
        if way:
            assert (way[0], way[1], way[-1]) == (job, one, job)
            assert all(right in wanted[left] for left, right in pairwise(way))


def test_a_cycle_through_thousands_of_jobs_is_found_and_told_in_one_line() -> None:
    graph = {str(n): [str(n + 1)] for n in range(2_000)} | {"2000": ["0"]}

    way = chains.cycle("0", graph, "1")

    assert way
    assert len(way) == 2_002
    told = chains.cycle_in_words([f"a job with a rather long name {name}" for name in way])
    assert len(told) < MOST_OF_A_MESSAGE
    assert "1997 more" in told


steps = st.lists(
    st.tuples(st.sampled_from("abcdx"), st.sampled_from(["success", "failed", "error", "cancelled"])), max_size=40
)


@given(
    on=st.lists(st.sampled_from(["success", "failed", "error"]), min_size=1, unique=True),
    after=st.sets(st.sampled_from("abc"), min_size=1),
    steps=steps,
)
def test_a_follower_runs_as_often_as_a_list_on_paper_says(
    on: list[chains.EndStatus], after: set[str], steps: list[tuple[str, str]]
) -> None:
    run_after = [Predecessor(job_id=name, on=on) for name in sorted(after)]
    ends: chains.CountedEnds = {}
    last_run: datetime | None = None
    ticked: set[str] = set()
    for minute, (name, status) in enumerate(steps):
        at = NOON + timedelta(minutes=minute)
        if name == "x":  # the follower is triggered by hand
            last_run = at
            ticked.clear()
            continue
        count = chains.count_with(run_after, ends, RunEnd(f"run_{minute}", name, status, at), last_run)
        ends = count.ends
        if name in after and status in on:
            ticked.add(name)
            assert count.complete is (ticked == after)
            if count.complete:
                last_run = None
                ticked.clear()
        else:
            assert not count.complete


def test_an_end_within_the_second_of_the_follower_s_last_run_counts() -> None:
    run_after = [Predecessor(job_id="a"), Predecessor(job_id="b")]
    known = {"a": CountedEnd(run_id="run_1", at=NOON)}
    end = RunEnd("run_2", "b", "success", NOON + timedelta(seconds=5))

    for last_run, complete in ((NOON + timedelta(milliseconds=900), True), (NOON + timedelta(seconds=1), False)):
        assert chains.count_with(run_after, known, end, last_run).complete is complete


def test_an_older_end_that_is_seen_late_does_not_replace_a_newer_one() -> None:
    run_after = [Predecessor(job_id="a"), Predecessor(job_id="b")]
    known = {"a": CountedEnd(run_id="run_2", at=NOON)}

    count = chains.count_with(run_after, known, RunEnd("run_1", "a", "success", NOON - timedelta(minutes=1)), None)

    assert count.ends == known


@pytest.mark.parametrize("reason", list(chains.SkipReason))
def test_each_reason_to_skip_is_explained(reason: chains.SkipReason) -> None:
    page = Path(__file__).parents[3] / "docs/running-jobs.md"

    assert f"`{reason}`" in page.read_text()
