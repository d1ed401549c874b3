"""The content of a webhook and its signature: https://github.com/standard-webhooks/standard-webhooks."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, Literal

from standardwebhooks import Webhook

from jobs_api.model.alert_targets import Event, RunAlerts
from jobs_api.model.document import Absent, Document, Timestamp, rfc3339
from jobs_api.model.run import JobRun, Run
from jobs_api.model.run_events import as_of

PAYLOAD_VERSION: Final = 1
TYPES: Final = {
    Event.STARTED: "run.started",
    Event.SUCCESS: "run.success",
    Event.FAILURE: "run.failure",
    Event.CANCELLED: "run.cancelled",
    Event.LATE: "run.late",
    Event.LONG: "run.long",
}

type WebhookType = Literal["run.started", "run.success", "run.failure", "run.cancelled", "run.late", "run.long", "test"]


class Named(Document):
    """Something with an id and the name it had when the run was created."""

    id: str
    name: str


class WebhookData(Document):
    """The run and the job of the event; a test has no run. The console shows the run at `run_url`."""

    project: Named
    job: Named
    run: Absent[JobRun] = None
    run_url: Absent[str] = None


class WebhookBody(Document):
    """The body of every webhook. `timestamp` is when it happened, the same on every attempt.

    Within a `version` fields may be added; no field is removed or changes its meaning.
    """

    type: WebhookType
    version: int = PAYLOAD_VERSION
    timestamp: Timestamp
    data: WebhookData


def body_of(run: Run, event: Event, alerts: RunAlerts, run_url: str = "") -> bytes:
    """Return the JSON to send about a run; the same bytes each time for the same event.

    `run_url` is where a person sees the run; "" where no such page is known.
    """
    seen = as_of(run, event)
    return _encoded(
        {
            "type": TYPES[event],
            "version": PAYLOAD_VERSION,
            "timestamp": rfc3339(_happened_at(seen, event) or seen.updated_at),
            "data": {
                "project": {"id": run.project_id, "name": alerts.project_name},
                "job": {"id": run.job_id, "name": alerts.job_name},
                "run": seen.document().model_dump(mode="json"),
                **({"run_url": run_url} if run_url else {}),
            },
        }
    )


def _happened_at(run: Run, event: Event) -> datetime | None:
    times = {Event.STARTED: run.start_time, Event.LATE: run.late_at, Event.LONG: run.long_at}
    return times.get(event, run.end_time)


def test_body(project: Named, job: Named, now: datetime) -> bytes:
    """Return the JSON of a test."""
    data = {"project": project.model_dump(), "job": job.model_dump()}
    return _encoded({"type": "test", "version": PAYLOAD_VERSION, "timestamp": rfc3339(now), "data": data})


def headers(message_id: str, body: bytes, keys: Iterable[str], now: datetime) -> dict[str, str]:
    """Return the headers that sign a body: one signature for each valid key, newest first.

    Args:
        message_id: the same on every attempt, so that a receiver can ignore a repetition.
        body: what is sent.
        keys: signing secrets.
        now: when it is sent.
    """
    signatures = [Webhook(key).sign(message_id, now, body.decode()) for key in keys]
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _encoded(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
