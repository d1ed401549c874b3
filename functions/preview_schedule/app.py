"""GET /api/v1/schedules/preview: shows when a schedule would fire, and what changes of clocks do to it."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import AfterValidator

from jobs_api import schedule
from jobs_api.api.resolver import Api
from jobs_api.model.document import Document, Timestamp
from jobs_api.schedule.preview import preview

app = Api()


class SchedulePreview(Document):
    """The next firings of a schedule, their local times, and warnings about changes of clocks."""

    next_run_at: list[Timestamp]
    local: list[str]
    warnings: list[str]


def _check_schedule(expression: str) -> str:
    schedule.parse(expression)
    return expression


@app.get("/api/v1/schedules/preview")
def preview_schedule(
    expression: Annotated[str, Query(alias="schedule"), AfterValidator(_check_schedule)],
    timezone: Annotated[str, Query(max_length=64), AfterValidator(schedule.check_timezone)] = "UTC",
    count: Annotated[int, Query(ge=1, le=50)] = 10,
) -> SchedulePreview:
    """Show when a schedule would fire from now on; the rules for a job hold for what is sent.

    `warnings` say, for each change of clocks in the next 400 days, which times of the schedule it skips or doubles.
    """
    found = preview(expression, timezone, app.now, count)
    local = [moment.isoformat(timespec="seconds") for moment in found.local]
    return SchedulePreview(next_run_at=found.times, local=local, warnings=found.warnings)


lambda_handler = app.resolve
