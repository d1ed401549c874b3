"""Times of a log that has the time of day alone, in UTC, as dbt's text format does."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass
class LogClock:
    """Adds the day to times of day.

    Args:
        last: the time of the line before, at the beginning that of the run's start; in UTC, "" if nobody knows it.
    """

    last: str = ""

    def at(self, clock: str) -> str:
        """Return the time of a line, which is later than that of the line before; "" for none, or without a day."""
        if not self.last or not clock:
            return ""
        last = datetime.fromisoformat(self.last)
        try:
            moment = datetime.fromisoformat(f"{last.date().isoformat()}T{clock}")
        except ValueError:
            return ""
        # The clocks of a cluster and of its nodes differ a little, also around midnight.
        if last - moment > timedelta(hours=1):
            moment += timedelta(days=1)
        elif moment - last > timedelta(hours=23):
            moment -= timedelta(days=1)
        # Lines of several threads may be a second out of order.
        self.last = max(last, moment).isoformat()
        return moment.isoformat()


def clock_of(began: datetime | None) -> LogClock:
    """Return the clock of the log of a run that began then."""
    return LogClock(began.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat() if began else "")
