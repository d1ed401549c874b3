"""The expectations of a job's owner: by when runs of its schedule have ended, and how long any run may take."""

import re
from datetime import datetime, time
from typing import Annotated, Final, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from jobs_api import schedule
from jobs_api.model.document import Absent, Record

CLOCK: Final = r"([01][0-9]|2[0-3]):[0-5][0-9]"
# A project lets a run take 30 days at most.
MOST_MINUTES: Final = 30 * 24 * 60


def _check_clock(text: str) -> str:
    if not re.fullmatch(CLOCK, text):
        raise ValueError("must be a time of day with hours and minutes, from 00:00 to 23:59, such as 07:00")
    return text


class Expectation(Record):
    """The expectations of a job's runs; at least one of the two is set.

    `finish_by` is a time of day in the job's time zone: the run of a slot is to end by the first such time after the
    slot. A run, however it was started, is to take no longer than `max_minutes`.
    """

    model_config = ConfigDict(strict=True)

    finish_by: Absent[
        Annotated[str, AfterValidator(_check_clock), Field(json_schema_extra={"pattern": f"^{CLOCK}$"})]
    ] = None
    max_minutes: Absent[Annotated[int, Field(ge=1, le=MOST_MINUTES)]] = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.finish_by is None and self.max_minutes is None:
            raise ValueError('needs finish_by or max_minutes, such as {"finish_by": "07:00", "max_minutes": 45}')
        return self

    def deadline(self, slot: datetime, timezone: str) -> datetime | None:
        """Return when the run of a slot is to have ended, None where only its duration matters.

        A slot at `finish_by` itself has until that time comes again: nothing can end at the moment it begins.
        """
        return schedule.next_clock_time(self._clock, timezone, slot) if self._clock else None

    def deadlines(self, after: datetime, until: datetime, timezone: str) -> list[datetime]:
        """Return the deadlines later than `after` and not later than `until`, in their order."""
        return schedule.clock_times(self._clock, timezone, after, until) if self._clock else []

    @property
    def _clock(self) -> time | None:
        return time.fromisoformat(self.finish_by) if self.finish_by else None
