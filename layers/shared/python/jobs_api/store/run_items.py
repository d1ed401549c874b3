"""How a run stands in the table, and is read back."""

import os
from datetime import timedelta

from jobs_api.model import run_events
from jobs_api.model.actor import Actor
from jobs_api.model.alert_targets import Event, RunAlerts
from jobs_api.model.chains import SkippedFollower
from jobs_api.model.results import ResultCounts
from jobs_api.model.run import Run, RunStatus, StoredLog, TriggeredBy
from jobs_api.store.attributes import time_text
from jobs_api.store.run_rows import RunRow

# Stored in another form than the model's.
_OTHERWISE = frozenset(
    {
        "id",
        "log",
        "results",
        "alerts",
        "notify",
        "cancelled_by",
        "triggered_by_token",
        "followers_left",
        "caused_runs",
        "skipped",
    }
)
_AS_THEY_ARE = tuple(name for name in Run.model_fields if name not in _OTHERWISE)


def row_with_events(run: Run) -> RunRow:
    """Return the row of a new run, with its events to send."""
    return new_row(run_events.with_events(None, run.without_secrets()))


def kept_for() -> timedelta:
    """Return how long runs are kept; the bucket keeps their logs for the same time."""
    return timedelta(days=int(os.environ["RUN_RETENTION_DAYS"]))


def stored_counts(run: Run) -> dict[str, int] | None:
    """Return the counts of a run's results as they are stored; a row over 1 KB would cost two units in each index."""
    return run.results.model_dump(mode="json", exclude_defaults=True) if run.results else None


def run_expiry(run: Run) -> int:
    """Return when the table may forget a run, in seconds since 1970."""
    return int(run.expires_at(kept_for()).timestamp())


def new_row(run: Run) -> RunRow:
    """Return the row of a new run."""
    values = {name: getattr(run, name) for name in _AS_THEY_ARE}
    return RunRow(
        run.id,
        position=position_of(run),
        open_in=None if run.status.ended and not run.followers_left else run.organization_id,
        followers_left=set(run.followers_left) or None,
        caused_runs=set(run.caused_runs) or None,
        skipped=[one.model_dump(mode="json") for one in run.skipped or ()] or None,
        notify_in=run.organization_id if run.notify else None,
        notify=run.notify or None,
        expires_at=run_expiry(run),
        results=stored_counts(run),
        log=run.log.model_dump(mode="json", exclude_none=True) if run.log else None,
        alerts=run.alerts.model_dump(mode="json") if run.alerts else None,
        cancelled_by=run.cancelled_by.model_dump(mode="json") if run.cancelled_by else None,
        triggered_by_token=run.triggered_by_token.model_dump(mode="json") if run.triggered_by_token else None,
        **values,
    )


def run_of(row: RunRow) -> Run:
    """Read a run from its row."""
    values = row.values(_AS_THEY_ARE)
    values["status"], values["triggered_by"] = RunStatus(values["status"]), TriggeredBy(values["triggered_by"])
    for name in ("exit_code", "attempt", "deadline_seconds", "expected_minutes"):
        values[name] = None if values[name] is None else int(values[name])
    first = values["first_triggered_by"]
    values["first_triggered_by"] = TriggeredBy(first) if first else None
    values["late_status"] = RunStatus(values["late_status"]) if values["late_status"] else None
    values["results"] = ResultCounts.model_validate(row.results) if row.results else None
    values["log"] = StoredLog.model_validate(row.log) if row.log else None
    values["alerts"] = RunAlerts.model_validate(row.alerts) if row.alerts else None
    values["cancelled_by"] = Actor.model_validate(row.cancelled_by) if row.cancelled_by else None
    token = row.triggered_by_token
    values["triggered_by_token"] = Actor.model_validate(token) if token else None
    values["skipped"] = [SkippedFollower.model_validate(one) for one in row.skipped] if row.skipped else None
    values["followers_left"] = sorted(row.followers_left or ())
    values["caused_runs"] = sorted(row.caused_runs or ())
    values["notify"] = [Event(event) for event in row.notify or ()]
    return Run.known(id=row.run_id, **values)


def position_of(run: Run) -> str:
    """Return a run's position among others, by age: a text that sorts as the runs do, and never changes."""
    return f"{time_text(run.created_at)}#{run.id}"
