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
    asked = SlotRange.of(since, until, app.now)
    found = asked.candidates(job, project, app.now)
    begin, end = asked.begin_of(found, app.now), asked.end_of_past(app.now)
    if begin > end:
        return SlotList(slots=explained_slots.explain(job, project, found, {}, app.now))
    limits = RunLimits.of(project.settings, job.settings)
    runs = slot_runs.runs_of_slots(job.organization_id, job.id, begin, end, limits.starting_deadline)
    if runs.read_from:
        if asked.since:
            raise slot_range.too_many_runs(runs.read_from)
        found = slot_range.known_since(found, runs.read_from)
    left = explained_slots.without_runs(found, runs.found, app.now)
    known = {**runs.found, **slot_runs.misses_of(job.organization_id, job.id, left)}
    return SlotList(slots=asked.limited(explained_slots.explain(job, project, found, known, app.now)))


lambda_handler = app.resolve
