"""How a project's runs ended, counted by day."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final

from pydantic import Field

from jobs_api.model.document import COMPILED_LATE, Absent, Document, Record
from jobs_api.model.run import Run, RunList, RunStatus

# How many days are kept and can be requested.
DAYS_KEPT: Final = 400
# `include_stats` of a list is about today and the days before it.
DAYS_OF_A_LIST: Final = 30


class RunStats(Document):
    """How many runs ended, and how: misses are errors. `avg_success_duration` is in seconds, with two decimals.

    It is absent where no run succeeded.
    """

    model_config = COMPILED_LATE

    total_runs: int
    successful_runs: int
    failed_runs: int
    error_runs: int
    cancelled_runs: int
    avg_success_duration: Absent[float] = None


class ProjectRunList(RunList):
    """A page of a project's runs; the `stats`, if they were asked for, are of its last 30 days."""

    model_config = COMPILED_LATE

    stats: Absent[RunStats] = None


class DayStats(RunStats):
    """How many runs ended on a day of UTC."""

    model_config = COMPILED_LATE

    date: date


class DailyStats(Document):
    """The last days, oldest first; a day without runs has zeros."""

    days: list[DayStats]


class EndCounts(Record):
    """How many runs ended with each status; how long the successes took together, and how many of them took no time.

    The latter are successes without a duration.
    """

    ends: Mapping[RunStatus, int] = Field(default_factory=dict)
    milliseconds: int = 0
    untimed: int = 0

    def __add__(self, other: "EndCounts") -> "EndCounts":
        """Return both together."""
        return EndCounts(
            ends={status: self.ends.get(status, 0) + other.ends.get(status, 0) for status in {*self.ends, *other.ends}},
            milliseconds=self.milliseconds + other.milliseconds,
            untimed=self.untimed + other.untimed,
        )

    def stats(self) -> RunStats:
        """Return them as the API does."""
        successes = self.ends.get(RunStatus.SUCCESS, 0)
        timed = successes - self.untimed
        return RunStats(
            total_runs=sum(self.ends.values()),
            successful_runs=successes,
            failed_runs=self.ends.get(RunStatus.FAILED, 0),
            error_runs=self.ends.get(RunStatus.ERROR, 0),
            cancelled_runs=self.ends.get(RunStatus.CANCELLED, 0),
            avg_success_duration=round(self.milliseconds / timed / 1000, 2) if timed > 0 else None,
        )


def end_counts_of(run: Run) -> EndCounts:
    """Return the counts of one run that has ended."""
    if run.status is not RunStatus.SUCCESS:
        return EndCounts(ends={run.status: 1})
    if run.duration_seconds is None:
        return EndCounts(ends={run.status: 1}, untimed=1)
    return EndCounts(ends={run.status: 1}, milliseconds=round(run.duration_seconds * 1000))


def day_of(run: Run) -> date:
    """Return the day, in UTC, on which a run counts: that of its end.

    A run whose end nobody knows counts on the day on which the service ended it, and one that never began because its
    slot was missed on the day of the slot.
    """
    slot = run.scheduled_for if run.start_time is None else None
    return (run.end_time or slot or run.updated_at).astimezone(UTC).date()


def last_days(now: datetime, count: int) -> list[date]:
    """Return the last days in UTC, oldest first, the last of which is today."""
    today = now.astimezone(UTC).date()
    return [today - timedelta(days=before) for before in range(count - 1, -1, -1)]


def daily_stats(counts: Mapping[date, EndCounts], days: list[date]) -> DailyStats:
    """Return the statistics of each of some days."""
    stats = ((day, counts.get(day, EndCounts()).stats()) for day in days)
    return DailyStats(days=[DayStats(date=day, **dict(one)) for day, one in stats])


def together(counts: Mapping[date, EndCounts], days: list[date]) -> RunStats:
    """Return the statistics of some days together."""
    return sum((counts[day] for day in days if day in counts), EndCounts()).stats()
