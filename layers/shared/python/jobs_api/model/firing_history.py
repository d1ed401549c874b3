"""The times at which a job was to run in the last 31 days, by its earlier schedules and its pauses.

A job keeps the spans of its schedules, a project those of its pauses; each edit ends one span and begins the next. They
explain slots (`GET .../slots`); which slots are settled is kept by `jobs_api.model.slot_history`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Self

from pydantic import Field

from jobs_api.model.document import Absent, Record, Timestamp
from jobs_api.model.pauses import A_SECOND, Pause
from jobs_api.model.periods import MOST_KEPT, Period
from jobs_api.model.slots import IN_FORCE_WITHIN

# How far back slots are explained, and a little further, for a request that takes a while.
EXPLAINED_FOR: Final = timedelta(days=31)
SPANS_KEPT_FOR: Final = EXPLAINED_FOR + timedelta(days=1)
# The most bytes of them as JSON: they are a part of the job's item, or of the project's.
SPANS_BYTES: Final = 16 * 1024


class PausedSpan(Period):
    """A time during which a pause was in effect; `reason` as it was given then."""

    paused: bool = True
    reason: Absent[str] = None


class FiringSpan(PausedSpan):
    """A time during which a job had one schedule; its slots were to run, or `paused`."""

    schedule: str
    timezone: str
    paused: bool = False


class PauseHistory[S: PausedSpan](Record):
    """Earlier spans, oldest first, and since when the present pause is in effect.

    `after_pause`: the present firing began, or begins, when a pause ended that was made well before. So the cluster had
    time to prepare for it.
    """

    paused_since: Absent[Timestamp] = None
    after_pause: bool = Field(default=False, exclude_if=lambda after: not after)
    past: list[S] = Field(default_factory=list, exclude_if=lambda past: not past)

    @property
    def ends(self) -> dict[datetime, str | None]:
        """The pauses that are over, by their ends, with their reasons."""
        return {one.until + A_SECOND: one.reason for one in self.past if one.until and one.paused}

    def with_ended(self, spans: Sequence[S], now: datetime) -> Self:
        """Return the history with spans that end now, or have ended, and with no present pause."""
        cut = [span.model_copy(update={"until": min(span.until or now, now)}) for span in spans if span.since < now]
        kept = [one for one in (*self.past, *cut) if one.until and one.since < one.until > now - SPANS_KEPT_FOR]
        return self.model_copy(update={"past": _newest(kept), "paused_since": None})

    def begun(self, pause: Pause | None, now: datetime) -> Self:
        """Return the history with a pause that begins now, or with none."""
        after_pause = pause is not None and pause.last_second > now + IN_FORCE_WITHIN
        return self.model_copy(update={"paused_since": now if pause else None, "after_pause": after_pause})


def _newest[S: PausedSpan](spans: Sequence[S]) -> list[S]:
    """Return the newest spans: as many as the limits of number and bytes allow."""
    kept: list[S] = []
    left = SPANS_BYTES
    for span in reversed(spans[-MOST_KEPT:]):
        left -= len(span.model_dump_json().encode())
        if left < 0:
            break
        kept.append(span)
    return kept[::-1]
