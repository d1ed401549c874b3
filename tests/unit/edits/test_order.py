"""Changes are written in an order in which each is allowed: no name is held twice, no cycle closes."""

import time
from datetime import UTC, datetime
from graphlib import TopologicalSorter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jobs_api.edits.order import ordered
from jobs_api.edits.plan import JobChange
from jobs_api.errors import InvalidRequest
from jobs_api.model.commands import ProjectType
from jobs_api.model.job import Job
from jobs_api.model.job_settings import JobSettings
from jobs_api.model.project import Project, ProjectSettings

NOON = datetime(2026, 4, 28, 12, tzinfo=UTC)
PROJECT = Project(
    id="proj_1",
    organization_id="org",
    settings=ProjectSettings(name="p", project_type=ProjectType.DBT, image="dbt", working_directory="/p"),
    cursor_key="key",
    created_at=NOON,
    updated_at=NOON,
)
# Ids of jobs, with their names and the jobs before them.
type Jobs = dict[str, tuple[str, list[str]]]


@st.composite
def jobs(draw: st.DrawFn) -> Jobs:
    """Draw jobs without a cycle: each runs after some that were drawn before."""
    ids = draw(st.permutations([f"job_{n}" for n in range(7)]))
    ids = ids[: draw(st.integers(0, 7))]
    names = draw(st.permutations([f"name {n}" for n in range(9)]))
    return {
        one: (names[at], draw(st.lists(st.sampled_from(ids[:at]), unique=True, max_size=3)) if at else [])
        for at, one in enumerate(ids)
    }


def job_of(job_id: str, name: str, before: list[str]) -> Job:
    fields = {
        "name": name,
        "command": "dbt run",
        "schedule": "@daily",
        "run_after": [{"job_id": one} for one in before],
    }
    return Job.new(job_id, JobSettings.of(fields, PROJECT), PROJECT, NOON)


def changes_between(old: Jobs, new: Jobs) -> tuple[dict[str, Job], list[JobChange]]:
    present = {one: job_of(one, *names) for one, names in old.items()}
    kept = [JobChange(at, present.get(one), job_of(one, *names)) for at, (one, names) in enumerate(new.items())]
    gone = [JobChange(None, job, None) for one, job in present.items() if one not in new]
    return present, [one for one in kept if not one.before or old[one.job.id] != new[one.job.id]] + gone


@pytest.mark.slow
@given(jobs(), jobs())
def test_each_step_keeps_the_rules_and_the_last_one_reaches_the_wanted_jobs(old: Jobs, new: Jobs) -> None:
    present, changes = changes_between(old, new)
    try:
        order = ordered(changes, present, 9)
    except InvalidRequest:
        assume(False)

    now = dict(old)
    for change in order:
        if change.after:
            now[change.job.id] = new[change.job.id]
        else:
            del now[change.job.id]
        graph = {one: before for one, (_, before) in now.items()}
        assert {before for some in graph.values() for before in some} <= graph.keys()
        assert len({name for name, _ in now.values()}) == len(now)
        TopologicalSorter(graph).prepare()
    assert now == new


@pytest.mark.slow
@given(jobs(), jobs())
def test_new_chains_between_free_jobs_always_have_an_order(old: Jobs, new: Jobs) -> None:
    same_names = {one: (f"own {one}", before) for one, (_, before) in new.items()}
    free: Jobs = {one: (f"own {one}", []) for one in old}
    present, changes = changes_between(free, same_names)

    assert len(ordered(changes, present, 99)) == len(changes)


@pytest.mark.slow
def test_two_thousand_jobs_whose_chains_turn_around_are_ordered_soon() -> None:
    count = 2_000
    old: Jobs = {f"job_{n}": (f"n{n}", [f"job_{n + 1}"] if n + 1 < count else []) for n in range(count)}
    new: Jobs = {f"job_{n}": (f"n{n}", [f"job_{n - 1}"] if n else []) for n in range(count)}
    present, changes = changes_between(old, new)
    started = time.process_time()

    assert len(ordered(changes, present, count)) == count
    assert time.process_time() - started < 5
