"""The pulse in an organization's item: which generation is current, and when the next pass is due."""

from datetime import datetime, timedelta
from typing import Final

from jobs_api.model.document import Absent, Record, Timestamp

# A pulse that is due longer ago is lost: its queue message, or the process that took it. A pass usually takes less.
LOST_AFTER: Final = timedelta(minutes=1)
# A message that is under way arrives within this time; a pass that is made too early does no harm.
UNDER_WAY: Final = timedelta(seconds=1)
# Nothing is due later than after the queue's longest delay, a quarter of an hour. A moment that is further away than
# this was written by a clock that was wrong, or before the clock was set back.
FARTHEST: Final = timedelta(minutes=30)
# The queue delays messages by whole seconds.
ALIKE: Final = timedelta(seconds=1)


class Pulse(Record):
    """The pulse of an organization.

    `generation` counts the passes; a message with an older one does nothing. The last pass began at `began_at`. Until
    `busy_until` it counts as running, unless it ends before. `asked_at` is when a pass was requested meanwhile. The
    next pass is due at `due_at`, the next sync of the whole organization at `sync_due_at`. A pass that announces the
    next one as it begins leaves a `due_at` and no `busy_until`, as one that has ended.
    """

    generation: int = 0
    began_at: Absent[Timestamp] = None
    busy_until: Absent[Timestamp] = None
    asked_at: Absent[Timestamp] = None
    due_at: Absent[Timestamp] = None
    sync_due_at: Absent[Timestamp] = None

    def is_busy(self, now: datetime) -> bool:
        """Return whether a pass is running."""
        return self.busy_until is not None and _is_ahead(self.busy_until, now)

    def is_sync_due(self, now: datetime) -> bool:
        """Return whether all CronJobs are to be compared with the tables."""
        return self.sync_due_at is None or not _is_ahead(self.sync_due_at, now)

    def is_overdue(self, now: datetime) -> bool:
        """Return whether a pass should have begun by now, and none is running."""
        return self.due_at is not None and self.due_at + UNDER_WAY <= now and not self.is_busy(now)

    def is_due_about(self, moment: datetime) -> bool:
        """Return whether the next pass is due at that time, give or take less than a second."""
        return self.due_at is not None and abs(self.due_at - moment) < ALIKE

    def is_asked_about(self, moment: datetime) -> bool:
        """Return whether a pass was requested at that time, give or take less than half a second.

        The pass that follows must be later than a request by more than an index lags.
        """
        return self.asked_at is not None and abs(self.asked_at - moment) < ALIKE / 2

    def is_lost(self, now: datetime) -> bool:
        """Return whether nothing will happen unless somebody requests a pass."""
        known = [moment for moment in (self.due_at, self.busy_until) if moment]
        return not known or max(known) + LOST_AFTER < now or max(known) > now + FARTHEST


def _is_ahead(moment: datetime, now: datetime) -> bool:
    return now < moment <= now + FARTHEST
