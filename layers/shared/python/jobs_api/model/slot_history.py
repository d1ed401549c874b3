"""The slot history of a job: until when its slots are settled, and its firings until then."""

from collections.abc import Sequence
from datetime import datetime
from typing import Self

from pydantic import Field

from jobs_api.model.document import Absent, Record, Timestamp
from jobs_api.model.periods import Firing, Period, newest_firings
from jobs_api.model.slots import owed


class ToldLate(Record):
    """The last deadline of which a job's channels were told that a slot had no run by then, and when."""

    deadline: Timestamp
    found_at: Timestamp


class SlotHistory(Record):
    """The firings of a job and how far its slots are settled.

    `since` is when the present firing began, or will begin after a pause. `unsettled` lists earlier firings that may
    have slots to settle. All slots up to `settled_until` are settled.
    """

    since: Timestamp
    unsettled: list[Firing] = Field(default_factory=list)
    settled_until: Timestamp | None = None
    late: Absent[ToldLate] = None

    def changed(
        self, fired: Firing | None, periods: Sequence[Period], now: datetime, since: datetime | None = None
    ) -> Self:
        """Return the history of a job whose firing changes now.

        Args:
            fired: the firing that ends.
            periods: the periods of its project.
            now: aware.
            since: when the next firing begins, None where that is now.
        """
        unsettled = [*self.unsettled, *ended(fired, periods, self.settled_until, now)]
        return self.model_copy(update={"since": since or now, "unsettled": newest_firings(unsettled)})

    def settled(self, until: datetime) -> Self:
        """Return the history with all slots up to then settled, without firings that are no longer needed."""
        left = [firing for firing in self.unsettled if firing.until is None or firing.until > until]
        return self.model_copy(update={"unsettled": left, "settled_until": until})


def ended(firing: Firing | None, periods: Sequence[Period], after: datetime | None, now: datetime) -> list[Firing]:
    """Return a firing that ends now, or nothing if all its slots are settled."""
    if firing is None or next(owed([firing], periods, after, now), None) is None:
        return []
    return [firing.model_copy(update={"until": now})]
