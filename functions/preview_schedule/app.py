"""GET /api/v1/schedules/preview: shows when a schedule would fire, and what changes of clocks do to it."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from jobs_api import schedule
from jobs_api.api.resolver import Api
from jobs_api.errors import Fault, InvalidRequest
from jobs_api.model.document import Document, Timestamp
from jobs_api.schedule.preview import Preview, preview

app = Api()


class SchedulePreview(Document):
    """The next firings of a schedule, their local times, and warnings about changes of clocks."""

    next_run_at: list[Timestamp]
    local: list[str]
    warnings: list[str]


@app.get("/api/v1/schedules/preview")
def preview_schedule(
    expression: Annotated[str, Query(alias="schedule")],
    timezone: Annotated[str, Query(max_length=64)] = "UTC",
    count: Annotated[int, Query(ge=1, le=50)] = 10,
) -> SchedulePreview:
    """Show when a schedule would fire from now on.

    `warnings` say, for each change of clocks in the next 400 days, which times of the schedule it skips or doubles.
    """
    found = _checked(expression, timezone, count)
    local = [moment.isoformat(timespec="seconds") for moment in found.local]
    return SchedulePreview(next_run_at=found.times, local=local, warnings=found.warnings)


def _checked(expression: str, timezone: str, count: int) -> Preview:
    """Return the preview; raises InvalidRequest with what is wrong of both, by the rules for a job."""
    faults = []
    for name, check, value in (
        ("schedule", schedule.parse, expression),
        ("timezone", schedule.check_timezone, timezone),
    ):
        try:
            check(value)
        except ValueError as error:
            faults.append(Fault(name, str(error)))
    if faults:
        raise InvalidRequest(faults)
    return preview(expression, timezone, app.now, count)


lambda_handler = app.resolve
