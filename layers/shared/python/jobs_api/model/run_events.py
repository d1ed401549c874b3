"""The events that a run's move makes, and the channels that get them. Facts in, decision out.

`store` asks for them at each write of a run and stores them with it, so that no run ends without its notifications.
"""

from jobs_api.model.alert_targets import Event
from jobs_api.model.run import FAILURES, Run, RunStatus


def with_events(before: Run | None, after: Run) -> Run:
    """Return the run with the events of this move in `notify`, besides those that are not queued yet."""
    known = before.notify if before else []
    due = [event for event in happened(before, after) if event not in known and channels(after, event)]
    return after.model_copy(update={"notify": [*known, *due]}) if due or known != after.notify else after


def channels(run: Run, event: Event) -> list[str]:
    """Return the channels for which an event of a run may be requested."""
    return run.alerts.channels(event, is_retried=run.retried_as is not None) if run.alerts else []


def as_of(run: Run, event: Event) -> Run:
    """Return a run as it was at the event: `started` does not say how it ended."""
    if event is not Event.STARTED or run.status is RunStatus.RUNNING:
        return run
    ended = ("end_time", "duration_seconds", "exit_code", "error_message", "message", "log", "retried_as")
    cancelled = ("cancel_requested_at", "cancel_reason", "cancelled_by")
    started = {"status": RunStatus.RUNNING, "updated_at": run.start_time or run.updated_at}
    return run.model_copy(update={**dict.fromkeys((*ended, *cancelled)), **started})


def happened(before: Run | None, after: Run) -> list[Event]:
    """Return the events between two states of a run; a run that no pass saw running may still have started."""
    old = before.status if before else RunStatus.PENDING
    if after.status is old:
        return []
    events = [Event.STARTED] if old is RunStatus.PENDING and _has_started(after) else []
    if after.status.ended:
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
