"""Which runs are late, or take longer than their job's owner expects. Facts in, decision out.

A new run keeps what its job expects, as it keeps the targets of its notifications. It is reported late once, and long
once: `late_at` and `long_at` are written on the condition that they are not there yet, together with the events.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from jobs_api.model import slots
from jobs_api.model.job import Job
from jobs_api.model.periods import Period
from jobs_api.model.run import Run, RunStatus
from jobs_api.model.slots import Slot

# A Job that ended in time may be listed as active for some seconds.
SEEN_WITHIN: Final = timedelta(seconds=5)
# A lateness that is found later than this is not notified.
NEWS_FOR: Final = timedelta(days=1)
# The longest time between two occurrences of a time of day, whatever the clocks do.
_TWO_DEADLINES: Final = timedelta(days=4)
_SECOND: Final = timedelta(seconds=1)


def expected_of(job: Job, slot: datetime | None) -> dict[str, Any]:
    """Return the fields of a new run that say what is expected of it; `slot` is None where no schedule started it."""
    expect = job.settings.expect
    if expect is None:
        return {}
    expected_by = expect.deadline(slot, job.settings.timezone) if slot else None
    late_slot = job.slots.late
    # The slot had no run yet when the channels were notified.
    late_at = late_slot.found_at if late_slot and expected_by and expected_by <= late_slot.deadline else None
    return {"expected_by": expected_by, "expected_minutes": expect.max_minutes, "late_at": late_at}


def found_late(run: Run, now: datetime) -> Run:
    """Return an open run as it is found now: late, long, both, or the same run if there is no news.

    Who requested to cancel a run knows of it, so such a run is not found late any more.
    """
    if run.status.ended or run.is_to_be_cancelled:
        return run
    return _with_lateness(run, now, lambda due: due + SEEN_WITHIN <= now <= due + NEWS_FOR)


def found_late_at_end(before: Run, after: Run) -> Run:
    """Return a run that has just been seen to end: its end may be late although no pass saw that it was going to be."""
    ended_at = after.end_time
    if before.status.ended or ended_at is None or after.status is RunStatus.CANCELLED or before.is_to_be_cancelled:
        return after
    now = after.updated_at
    return _with_lateness(after, now, lambda due: due < ended_at and now <= due + NEWS_FOR)


def next_found(run: Run, now: datetime) -> Iterator[datetime]:
    """Yield when an open run may be found late or long."""
    for due in (_late_after(run), _long_after(run)):
        if due and due + SEEN_WITHIN > now:
            yield due + SEEN_WITHIN


def unstarted_slots(job: Job, periods: Sequence[Period], now: datetime) -> list[Slot]:
    """Return the slots that are not settled although their deadline, the last one before now, has passed.

    Empty where the channels were notified of that deadline. Whoever asks knows which of the slots have a run.
    """
    expect, settled_until = job.settings.expect, job.slots.settled_until
    deadlines = expect.deadlines(now - _TWO_DEADLINES, now - SEEN_WITHIN, job.settings.timezone) if expect else []
    if len(deadlines) < 2 or (job.slots.late and job.slots.late.deadline >= deadlines[-1]):
        return []
    after, until = deadlines[-2] - _SECOND, deadlines[-1] - _SECOND
    waiting = slots.owed(job.firings, periods, max(after, settled_until or after), until)
    return [slot for slot in waiting if slot.expected]


def next_deadline(job: Job, now: datetime) -> datetime | None:
    """Return when slots of a job may next be found late that have no run by then; None where none are expected."""
    expect = job.settings.expect
    deadline = expect.deadline(now - SEEN_WITHIN, job.settings.timezone) if expect else None
    return deadline + SEEN_WITHIN if deadline else None


def _with_lateness(run: Run, now: datetime, is_news: Callable[[datetime], bool]) -> Run:
    update: dict[str, Any] = {}
    if (late_after := _late_after(run)) and is_news(late_after):
        update |= {"late_at": now, "late_status": run.status}
    if (long_after := _long_after(run)) and is_news(long_after):
        update["long_at"] = now
    return run.model_copy(update={**update, "updated_at": now}) if update else run


def _late_after(run: Run) -> datetime | None:
    return run.expected_by if run.late_at is None else None


def _long_after(run: Run) -> datetime | None:
    if run.long_at or run.expected_minutes is None or run.start_time is None:
        return None
    return run.start_time + timedelta(minutes=run.expected_minutes)
