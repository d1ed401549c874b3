"""GET /api/v1/projects/{id}/jobs/{job_id}/slots: explains the slots of a job in a range of time."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from jobs_api import store
from jobs_api.api.resolver import Api
from jobs_api.model import explained_slots, slot_range
from jobs_api.model.document import Moment
from jobs_api.model.explained_slots import SlotList
from jobs_api.model.run_limits import RunLimits
from jobs_api.model.slot_range import SlotRange
from jobs_api.store import slot_runs

app = Api()


@app.get("/api/v1/projects/<project_id>/jobs/<job_id>/slots")
def list_slots(
    project_id: str,
    job_id: str,
    since: Annotated[Moment | None, Query(alias="from")] = None,
    until: Annotated[Moment | None, Query(alias="to")] = None,
) -> SlotList:
    """List the slots of a job with their outcomes: by default those of the last week, and the next one.

    1. Find the times of the job's schedules in the range, with its pauses and those of its project.
    2. Read the runs of that time, and the misses of slots that have none there.
    """
    project, job = store.get_job(app.caller.organization_id, project_id, job_id)
    wanted = SlotRange.of(since, until, app.now)
    candidates = wanted.candidates(job, project, app.now)
    begin, end = wanted.begin_of(candidates, app.now), wanted.end_of_past(app.now)
    if begin > end:
        return SlotList(slots=explained_slots.explain(job, project, candidates, {}, app.now))
    limits = RunLimits.of(project.settings, job.settings)
    runs = slot_runs.runs_of_slots(job.organization_id, job.id, begin, end, limits.starting_deadline)
    if runs.read_from:
        if wanted.since:
            raise slot_range.too_many_runs(runs.read_from)
        candidates = slot_range.known_since(candidates, runs.read_from)
    without_run = explained_slots.without_runs(candidates, runs.found, app.now)
    runs_by_slot = {**runs.found, **slot_runs.misses_of(job.organization_id, job.id, without_run)}
    return SlotList(slots=wanted.limited(explained_slots.explain(job, project, candidates, runs_by_slot, app.now)))


lambda_handler = app.resolve
