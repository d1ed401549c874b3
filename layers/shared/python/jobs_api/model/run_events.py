"""The events that a run's move makes, and the channels that get them. Facts in, decision out.

`store` asks for them at each write of a run and stores them with it, so that no run ends without its notifications.
"""

from datetime import datetime

from jobs_api.model import lateness
from jobs_api.model.alert_targets import Event
from jobs_api.model.run import FAILURES, Run, RunStatus

_ENDED = ("end_time", "duration_seconds", "exit_code", "error_message", "message", "results", "log", "retried_as")
_STARTED = ("start_time", "pod_name")
_CANCELLED = ("cancel_requested_at", "cancel_reason", "cancelled_by")


def with_events(before: Run | None, after: Run) -> Run:
    """Return the run with the events of this move in `notify`, besides those that are not queued yet.

    An end that came too late is recorded here, so that no caller can forget it.
    """
    after = lateness.found_late_at_end(before, after) if before else after
    known = before.notify if before else []
    due = [event for event in happened(before, after) if event not in known and channels(after, event)]
    return after.model_copy(update={"notify": [*known, *due]}) if due or known != after.notify else after


def channels(run: Run, event: Event) -> list[str]:
    """Return the channels for which an event of a run may be requested."""
    return run.alerts.channels(event, is_retried=run.retried_as is not None, warned=run.warned) if run.alerts else []


def as_of(run: Run, event: Event) -> Run:
    """Return a run as it was at the event: `started` does not say how it ended, nor that it became late."""
    match event:
        case Event.STARTED:
            return _as_then(run, RunStatus.RUNNING, run.start_time or run.updated_at)
        case Event.LATE if run.late_at and run.late_status:
            return _as_then(run, run.late_status, run.late_at)
        case Event.LONG if run.long_at:
            # After an end that came too late, the run is not written again.
            at_its_end = run.status.ended and run.updated_at == run.long_at
            return _as_then(run, run.status if at_its_end else RunStatus.RUNNING, run.long_at)
    return run


def _as_then(run: Run, status: RunStatus, at: datetime) -> Run:
    """Return a run as it was known at a time at which it had this status."""
    unknown = [] if status.ended else [*_ENDED]
    if status is RunStatus.PENDING:
        unknown += _STARTED
    if run.cancel_requested_at and run.cancel_requested_at >= at:
        unknown += _CANCELLED
    unknown += [name for name in ("late_at", "long_at") if (found_at := getattr(run, name)) and found_at > at]
    return run.model_copy(update={**dict.fromkeys(unknown), "status": status, "updated_at": at})


def happened(before: Run | None, after: Run) -> list[Event]:
    """Return the events between two states of a run; a run that no pass saw running may still have started."""
    old = before.status if before else RunStatus.PENDING
    moved = after.status is not old
    events = [Event.STARTED] if moved and old is RunStatus.PENDING and _has_started(after) else []
    # A new run has `late_at` if its slot was late before the run existed.
    if before and after.late_at and before.late_at is None:
        events.append(Event.LATE)
    if before and after.long_at and before.long_at is None:
        events.append(Event.LONG)
    if moved and after.status.ended:
        events.append(end_event(after.status))
    return events


def end_event(status: RunStatus) -> Event:
    """Return the event for an end."""
    if status is RunStatus.CANCELLED:
        return Event.CANCELLED
    return Event.FAILURE if status in FAILURES else Event.SUCCESS


def _has_started(run: Run) -> bool:
    """Whether the command has started. Of `error` and cancelled runs, only killed ones have an exit code or a log."""
    if run.status in {RunStatus.ERROR, RunStatus.CANCELLED}:
        return run.exit_code is not None or run.log is not None
    return run.status is not RunStatus.PENDING
