"""A job with alerts, its runs, and the queue of its deliveries, at times that the test sets."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from jobs_api import store
from jobs_api.ids import new_id
from jobs_api.model.alert_targets import Event
from jobs_api.model.delivery import Delivery, delivery_id
from jobs_api.model.job import Job
from jobs_api.model.job_settings import JobSettings
from jobs_api.model.project import Project
from jobs_api.model.run import Run, RunStatus, TriggeredBy
from jobs_api.notifications import channels
from jobs_api.notifications.deliver import deliver
from jobs_api.notifications.queue import QueueMessage
from jobs_api.sealing import webhook
from jobs_api.store import deliveries
from tests.functions.people import NOON

SECOND = timedelta(seconds=1)


def new_job(project: Project, name: str = "nightly", **settings: Any) -> tuple[Job, str | None]:
    """Write a job; return it and its webhook's signing key."""
    fields = {"name": name, "command": "dbt build", "schedule": "@daily", **settings}
    job = Job.new(new_id("job_"), JobSettings.of(fields, project), project, NOON)
    job, key = webhook.with_sealed_webhook(None, job)
    return store.create_job(job), key


def new_run(job: Job, project: Project, status: RunStatus, at: datetime = NOON, **values: Any) -> Run:
    """Write a run of a job with this `status`, and its deliveries."""
    ended = {"end_time": at, "duration_seconds": 9.0, "exit_code": 1 if status is RunStatus.FAILED else 0}
    run = Run(
        **{
            "id": new_id("run_"),
            "organization_id": job.organization_id,
            "project_id": job.project_id,
            "job_id": job.id,
            "job_name": f"{job.cronjob_name}-1",
            "cronjob_name": job.cronjob_name,
            "namespace": project.namespace,
            "job_type": "build",
            "status": status,
            "triggered_by": TriggeredBy.SCHEDULED,
            "command": job.settings.command,
            "start_time": at - 9 * SECOND,
            "created_at": at - 10 * SECOND,
            "updated_at": at,
            "alerts": channels.alerts_of(project, job),
            **(ended if status.ended else {}),
            **values,
        }
    )
    assert store.create_run(run)
    return run


@dataclass
class Clock:
    """The time, which tests move."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Queue:
    """Messages and when they are next visible, as in SQS; `go` delivers them in order of time."""

    clock: Clock = field(default_factory=Clock)
    messages: list[tuple[datetime, QueueMessage]] = field(default_factory=list)
    receives: Counter[QueueMessage] = field(default_factory=Counter)

    def queue_event(self, run: Run, event: Event, channel: str) -> str:
        """Queue a message; return its delivery's id."""
        notice = QueueMessage(run.organization_id, run.id, event, channel)
        self.messages.append((self.clock.now, notice))
        return delivery_id(run.id, event, channel)

    def deliver_due(self, until: timedelta = timedelta(0)) -> None:
        """Deliver all messages that are due up to `until` from now, and move the clock to each message's time."""
        end = self.clock.now + until
        while due := [entry for entry in self.messages if entry[0] <= end]:
            entry = min(due, key=lambda one: one[0])
            self.messages.remove(entry)
            self.clock.now = max(self.clock.now, entry[0])
            self.receives[entry[1]] += 1
            again_at = deliver(entry[1], self.clock)
            if again_at:
                self.messages.append((max(again_at, self.clock.now + SECOND), entry[1]))
        self.clock.now = max(self.clock.now, end)


def stored(delivery: str) -> Delivery:
    """Return a delivery from the table."""
    found = deliveries.find(delivery)
    assert found
    return found
