"""A small world: one organization, its cluster, the functions that serve both, and a clock that the test moves.

Functions are called as Lambda calls them, with the events they get there. AWS is moto's; the cluster and the receivers
of webhooks are played.
"""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import batched
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

import functions.send_notifications.app as send_notifications
from jobs_api import cluster as clusters
from jobs_api import store
from jobs_api.errors import ClusterError
from jobs_api.ingest import settled_jobs
from jobs_api.ingest.finished_cache import Settled
from jobs_api.ingest.ingester import Incomplete
from jobs_api.model.commands import ProjectType
from jobs_api.model.organization import Organization
from jobs_api.model.project import Project
from jobs_api.model.run import Run
from jobs_api.notifications import queue
from jobs_api.notifications.slack import client as slack
from jobs_api.notifications.webhook import http
from jobs_api.notifications.webhook.http import Answer as Posted
from local.cluster.clock import TestClock
from tests.functions import passes
from tests.functions.people import Answer, Context, Person, new_organization, new_project
from tests.reliability.audit import Audit
from tests.reliability.fake_cluster import FakeCluster
from tests.reliability.uploads import Uploads

BEGIN = datetime(2026, 4, 28, 12, 0, 30, tzinfo=UTC)
HOOK: dict[str, Any] = {"webhook_enabled": True, "webhook_url": "https://hooks.example.com/jobs"}
SLACK: dict[str, Any] = {"slack_alerts_enabled": True, "slack_alert_on_success": True, "slack_channel": "#data"}
# The batch size of the template's queue events.
MESSAGES_AT_ONCE = 10
# The errors with which a function may end during a fault; the tick, or Lambda itself, tries again.
EXPECTED = (ClusterError, Incomplete)


@dataclass
class World:
    """The organization and everything around it.

    `inbox` has the ids of the webhooks that arrived, in order, and `slack` the messages; while `down` no webhook does.
    `skew` is how far the functions' clock is ahead of the cluster's. `also` is what a function may end with beside what
    the service itself raises, while faults are on.
    """

    monkeypatch: pytest.MonkeyPatch
    also: tuple[type[Exception], ...] = ()
    clock: TestClock = field(default_factory=lambda: TestClock(BEGIN))
    down: bool = False
    skew: timedelta = timedelta()
    inbox: list[str] = field(default_factory=list)
    slack: list[str] = field(default_factory=list)
    organization: Organization = field(default_factory=lambda: new_organization("world"))
    cluster: FakeCluster = field(init=False)
    project: Project = field(init=False)
    uploads: Uploads = field(init=False)
    _waiting: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make what the organization owns, and lead the functions to it."""
        self.cluster = FakeCluster(self.clock)
        self.uploads = Uploads(self.organization.id, self.also)
        self.cluster.begins, self.cluster.ends = self.uploads.begun, self.uploads.ended
        self.cluster.storage.create("namespaces", {"metadata": {"name": self.organization.namespace}})
        self.project = self.new_project("jaffle")
        now = SimpleNamespace(now=lambda *_: self.now() + self.skew)
        self.monkeypatch.setattr(clusters, "connect", lambda _: self.cluster.cluster)
        self.monkeypatch.setattr(passes, "now", now.now)
        self.monkeypatch.setattr(send_notifications, "datetime", now)
        # Delayed messages are received at once; the function leaves those that are not due.
        self.monkeypatch.setattr(queue, "hide", lambda *_: None)
        self.monkeypatch.setattr(http, "post", self._receive)
        self.monkeypatch.setattr(slack, "post", self._read)
        self.forget()

    def new_project(self, name: str) -> Project:
        """Make a project, deployed, that has lived in this world's time alone."""
        made = new_project(self.organization.id, name, ProjectType.DBT, starting_deadline_seconds=60)
        lived = made.model_copy(update={"fires_since": self.now(), "version": made.version + 1})
        store.update_project(lived, made.version)
        return lived

    # -- time

    def now(self) -> datetime:
        """Return this world's time."""
        return self.clock.now()

    def advance(self, **time: float) -> None:
        """Let time pass in the cluster, with nobody looking."""
        self.cluster.advance(self.now() + timedelta(**time))
        self.uploads.arrive()

    def minute(self) -> None:
        """Let a minute pass, and tick at its end."""
        self.advance(minutes=1)
        self.tick()

    def until_settled(self) -> None:
        """Let pass what must have passed before every slot so far can be spoken about, with its ticks."""
        for _ in range(4):
            self.minute()

    def until_retries_are_sent(self) -> None:
        """Let pass what a send that failed waits for its next try, with nothing else to happen."""
        while self._waiting:
            self.clock.set(self.now() + timedelta(minutes=5))
            self.notify()

    # -- functions

    def tick(self) -> None:
        """Do what EventBridge does each minute, and what SQS does all the time."""
        self.sync()
        self.cluster.run_until_idle()
        self.ingest()
        self.cluster.run_until_idle()
        self.notify()

    def sync(self, **detail: str) -> None:
        """Make the CronJobs of the organization match or, with ids, of a part of it."""
        with suppress(*EXPECTED, *self.also):
            passes.sync(self.organization.id, **detail)

    def ingest(self) -> None:
        """Bring the organization's runs up to date."""
        with suppress(*EXPECTED, *self.also):
            passes.ingest(self.organization.id, lambda: self.now() + self.skew)

    def notify(self) -> None:
        """Run send_notifications on what waits in the queue; what it does not confirm stays there."""
        self._take()
        for bodies in list(batched(self._waiting, MESSAGES_AT_ONCE, strict=False)):
            answer = send_notifications.lambda_handler({"Records": list(map(_record, bodies))}, _context())
            again = {failed["itemIdentifier"] for failed in answer["batchItemFailures"]}
            for body in bodies:
                if body not in again:
                    self._waiting.remove(body)

    def forget(self) -> None:
        """Clear the functions' caches, as in new processes."""
        self.monkeypatch.setattr(settled_jobs, "_unlabelled", Settled())

    def _take(self) -> None:
        """Take this organization's messages off the queue that all tests share."""
        sqs, url = queue._client(), os.environ["NOTIFICATIONS_QUEUE"]
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            bodies = [message["Body"] for message in messages]
            # Messages are received together first, so that a kill between deletions leaves no message invisible for
            # minutes.
            self._waiting += [one for one in bodies if json.loads(one)["organization_id"] == self.organization.id]
            sqs.delete_message_batch(
                QueueUrl=url,
                Entries=[{"Id": str(at), "ReceiptHandle": one["ReceiptHandle"]} for at, one in enumerate(messages)],
            )
            if len(messages) < 10:
                return

    def _receive(self, url: str, body: bytes, headers: dict[str, str]) -> Posted:
        del url, body
        if self.down:
            raise http.Unreachable("nobody listens there")
        self.inbox.append(headers["webhook-id"])
        return Posted(200, "thanks")

    def _read(self, organization_id: str, channel: str, message: dict[str, Any]) -> int:
        del organization_id, channel
        self.slack.append(json.dumps(message))
        return 200

    def audit(self, *, waits: bool = False) -> Audit:
        """Return an audit of everything in this world."""
        audited = self.organization.id, self.cluster.cluster, self.now()
        return Audit(*audited, inbox=self.inbox, posted=self.slack, waits=waits)

    # -- people

    def organization_now(self) -> Organization:
        """Return the organization as it stands in the table."""
        return store.get_organization(self.organization.id)

    @property
    def alice(self) -> Person:
        """Somebody who may do everything here."""
        return Person(self.organization.id)

    def call(
        self, method: str, path: str, body: Any = None, key: str | None = None, project_id: str | None = None
    ) -> Answer:
        """Send a request about the project's jobs, or another one's; `path` follows `/jobs`; or it is `/../apply`."""
        headers = {"Idempotency-Key": key} if key else None
        project = f"/api/v1/projects/{project_id or self.project.id}"
        whole = project + path.removeprefix("/..") if path.startswith("/../") else f"{project}/jobs{path}"
        return self.alice.call(method, whole, body, at=self.now() + self.skew, headers=headers)

    def create(self, name: str = "often", command: str = "dbt build", **more: Any) -> str:
        """Create a job that runs each minute and tells nobody; return its id."""
        document = {"name": name, "command": command, "schedule": "* * * * *", **more}
        answer = self.call("POST", "", document)
        assert answer.status == 201, answer.text
        return str(answer.json["id"])

    def trigger(self, job_id: str, key: str | None = None, **fields: Any) -> str:
        """Trigger a job; return the run's id."""
        answer = self.call("POST", f"/{job_id}/trigger", fields, key=key)
        assert answer.status == 202, answer.text
        return str(answer.json["job_run_id"])

    def cancel(self, run_id: str, key: str | None = None) -> Answer:
        """Ask for a run to be cancelled."""
        headers = {"Idempotency-Key": key} if key else None
        body = {"reason": "not today"}
        return self.alice.call(
            "POST", f"/api/v1/runs/{run_id}/cancel", body, at=self.now() + self.skew, headers=headers
        )

    def retry(self, run_id: str, key: str | None = None, body: Any = None) -> str:
        """Retry a run that has ended; return the id of the new run."""
        headers = {"Idempotency-Key": key} if key else None
        answer = self.alice.call(
            "POST", f"/api/v1/runs/{run_id}/retry", body, at=self.now() + self.skew, headers=headers
        )
        assert answer.status == 202, answer.text
        return str(answer.json["job_run_id"])

    def operate(self, project_id: str | None = None, **settings: Any) -> None:
        """Change the project, or another one, as an operator does."""
        before = store.get_project(self.organization.id, project_id or self.project.id)
        after = before.changed(before.settings.model_copy(update=settings), self.now())
        store.update_project(after, before.version)
        if after.id == self.project.id:
            self.project = after

    def runs(self, job_id: str | None = None, project_id: str | None = None) -> list[Run]:
        """Return the project's runs, or a job's, or another project's, newest first."""
        wanted = store.RunFilter(job_id=job_id)
        found, _ = store.list_runs(self.organization.id, project_id or self.project.id, wanted, limit=1000, before=None)
        return found


type Action = Callable[[World], object]


def _record(body: str) -> dict[str, Any]:
    """Return a message of the queue as Lambda hands it over; its body says which one it is."""
    return {"messageId": body, "receiptHandle": body, "body": body, "eventSource": "aws:sqs"}


def _context() -> LambdaContext:
    return cast("LambdaContext", Context())
