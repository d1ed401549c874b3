"""The slots of a job after any edits and pauses, against a model that goes from minute to minute."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobs_api import schedule
from jobs_api.model import slots
from jobs_api.model.explained_slots import Candidate, Lost, candidates
from jobs_api.model.firing_history import FiringSpan, PausedSpan, PauseHistory
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.model.slot_history import SlotHistory
from tests.unit.model.test_slots import a_job, a_project

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
# An hour before clocks in Berlin go forward, from 02:00 to 03:00.
BEGIN = datetime(2027, 3, 28, 0, 0, tzinfo=UTC)
MINUTES = 300

SCHEDULES = ("*/7 * * * *", "30 2 * * *", "10,40 1-4 * * *", "0 * * * *", "15 2,3 28 3 *")
ZONES = ("UTC", "Europe/Berlin")


@dataclass(frozen=True)
class Edit:
    """Changes of a job, or of its project, `after` so many seconds; `pause` is when a pause ends, 0 ends it."""

    after: int
    on_project: bool = False
    pause: int | None = None
    changes: tuple[tuple[str, Any], ...] = ()

    @property
    def at(self) -> datetime:
        """When it is made."""
        return BEGIN + timedelta(seconds=self.after)

    def document(self) -> dict[str, Any]:
        """Return what is sent."""
        fields = dict(self.changes)
        if self.pause is None:
            return fields
        until = BEGIN + timedelta(seconds=self.pause)
        return fields | {"paused_until": until if until > self.at else None, "pause_reason": f"until {self.pause}"}


@dataclass(frozen=True)
class State:
    """The job and the project by which a minute is judged."""

    job: dict[str, Any]
    project: dict[str, Any] = field(default_factory=lambda: {"deployed": True, "suspended": False})

    def after(self, edit: Edit) -> "State":
        """Return the state that an edit leaves."""
        if edit.on_project:
            return replace(self, project=self.project | edit.document())
        return replace(self, job=self.job | edit.document())

    def slot(self, at: datetime) -> Candidate | None:
        """Return the slot at a minute, if there is one."""
        if not (self.job["enabled"] and self.project["deployed"]) or self.project["suspended"]:
            return None
        if schedule.next_fire(self.job["schedule"], self.job["timezone"], at - SECOND) != at:
            return None
        pauses = [one for one in (self.job, self.project) if (until := one.get("paused_until")) and until > at]
        return Candidate(at, paused=bool(pauses), reason=pauses[0]["pause_reason"] if pauses else None)


JOB_CHANGES = st.one_of(
    st.tuples(st.just("schedule"), st.sampled_from(SCHEDULES)),
    st.tuples(st.just("timezone"), st.sampled_from(ZONES)),
    st.tuples(st.just("enabled"), st.booleans()),
    st.tuples(st.just("description"), st.sampled_from(("a", "b"))),
)
PROJECT_CHANGES = st.one_of(
    st.tuples(st.just("suspended"), st.booleans()),
    st.tuples(st.just("deployed"), st.booleans()),
    st.tuples(st.just("image"), st.sampled_from(("dbt:1", "dbt:2"))),
    st.tuples(st.just("starting_deadline_seconds"), st.sampled_from((60, 600))),
)
SECONDS = st.integers(0, MINUTES * 60)
# Often a full minute or a full hour, which is a slot.
TIMES = SECONDS | SECONDS.map(lambda seconds: seconds // 60 * 60) | SECONDS.map(lambda seconds: seconds // 3600 * 3600)
EDITS = st.one_of(
    st.builds(Edit, TIMES, st.just(value=False), st.none() | TIMES, st.lists(JOB_CHANGES, max_size=2).map(tuple)),
    st.builds(Edit, TIMES, st.just(value=True), st.none() | TIMES, st.lists(PROJECT_CHANGES, max_size=1).map(tuple)),
)


def put(job: Job, project: Project, edit: Edit) -> Job:
    fields = {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in edit.document().items()
    }
    if fields.get("paused_until", ...) is None:
        fields["pause_reason"] = None
    return reread(job.changed(fields, project, edit.at, lambda _: {}))


def reread(job: Job) -> Job:
    """Return the job as it comes back from the table, whose times have whole seconds."""
    history = SlotHistory.model_validate(job.slots.model_dump(mode="json"))
    pauses = PauseHistory[FiringSpan].model_validate(job.pauses.model_dump(mode="json"))
    return job.model_copy(update={"slots": history, "pauses": pauses})


def operate(project: Project, edit: Edit) -> Project:
    fields = edit.document()
    if fields.get("paused_until", ...) is None:
        fields["pause_reason"] = None
    before = project.without_what_is_over(edit.at)
    after = before.changed(before.settings.model_copy(update=fields), edit.at)
    pauses = PauseHistory[PausedSpan].model_validate(after.pauses.model_dump(mode="json"))
    return after.model_copy(update={"pauses": pauses})


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.sampled_from(SCHEDULES), st.sampled_from(ZONES), st.lists(EDITS, max_size=8, unique_by=lambda one: one.after))
@example("0 * * * *", "UTC", [Edit(60, pause=7200)])
@example("0 * * * *", "UTC", [Edit(0, True, pause=7200)])
@example("0 * * * *", "UTC", [Edit(60, pause=7200), Edit(3600, pause=3660), Edit(9000, changes=(("enabled", False),))])
@example("*/7 * * * *", "UTC", [Edit(0, True, 3000), Edit(60, pause=6000), Edit(120, True, 0), Edit(4000, pause=0)])
@example(
    "*/7 * * * *", "UTC", [Edit(0, pause=3000), Edit(5000, pause=9000), Edit(9060, changes=(("description", "a"),))]
)
def test_whatever_is_edited_each_slot_is_what_it_was_at_its_time(
    expression: str, timezone: str, edits: list[Edit]
) -> None:
    project = a_project()
    job = a_job(project, BEGIN - SECOND, schedule=expression, timezone=timezone)
    state = State({"schedule": expression, "timezone": timezone, "enabled": True})
    states = [(BEGIN - SECOND, state)]
    for edit in sorted(edits, key=lambda one: one.after):
        if edit.on_project:
            project = operate(project, edit)
        else:
            job = put(job, project, edit)
        state = state.after(edit)
        states.append((edit.at, state))

    minutes = [BEGIN + minute * MINUTE for minute in range(MINUTES)]
    expected = [next(state for at, state in reversed(states) if at < minute).slot(minute) for minute in minutes]

    end = minutes[-1]
    found = [one for one in candidates(job, project, BEGIN - SECOND, end) if not isinstance(one, Lost)]
    assert found == [one for one in expected if one]
    owed = [slot.at for slot in slots.owed(job.firings, project.periods, None, end)]
    assert owed == [one.at for one in found if not one.paused]


@given(st.sampled_from(SCHEDULES), st.integers(0, 59), st.integers(1, 240))
def test_skipped_slots_are_the_local_times_of_the_schedule_that_do_not_exist(
    expression: str, begins: int, minutes: int
) -> None:
    project = a_project()
    job = a_job(project, BEGIN - MINUTE * 60, schedule=expression, timezone="Europe/Berlin")
    after = BEGIN + begins * MINUTE
    until = after + minutes * MINUTE

    lost = [one.at for one in candidates(job, project, after, until) if isinstance(one, Lost)]

    # The skipped times begin at 02:00 by the clocks from before; an hourly schedule loses no slot.
    hour = [BEGIN + (60 + minute) * MINUTE for minute in range(60)]
    by_the_clocks_before = [
        at for at in hour if schedule.next_fire(expression, "Etc/GMT-1", at - SECOND) == at and after < at <= until
    ]
    every_hour = expression.split()[1] == "*"
    assert lost == ([] if every_hour else by_the_clocks_before)
