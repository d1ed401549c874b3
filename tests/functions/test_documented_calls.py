"""Each call makes the DynamoDB requests that docs/data-model.md lists, with the same numbers of items."""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from jobs_api.model.alert_targets import Event
from jobs_api.model.commands import ProjectType
from jobs_api.model.delivery import delivery_id
from jobs_api.model.organization import Role
from jobs_api.model.project import Project
from jobs_api.model.run import RunStatus
from jobs_api.notifications.deliver import deliver
from jobs_api.notifications.queue import QueueMessage
from jobs_api.notifications.webhook import http
from jobs_api.notifications.webhook.http import Answer
from tests.calls_to_aws import Call, intercept_aws
from tests.functions.acme import Acme
from tests.functions.people import NOON, Person, new_project
from tests.functions.test_authorize_request import authorize, issue
from tests.functions.test_run_artifacts import FILES, as_pod
from tests.functions.test_runs import a_run
from tests.notifications.notification_world import new_job, new_run

PAGE: Final = (Path(__file__).parents[2] / "docs/data-model.md").read_text()
TABLE: Final = PAGE.partition("## What each call costs\n")[2]
ROWS: Final = {
    call: (reads, writes) for call, reads, writes in re.findall(r"^\| (.+?) \| (.*?)\|(.*?)\|$", TABLE, re.MULTILINE)
}
OPERATIONS: Final = {"TransactWriteItems": "transaction"}
READS: Final = frozenset({"GetItem", "BatchGetItem", "Query"})
BUILD: Final = {"name": "build", "command": "dbt build", "schedule": "@daily"}


class World:
    """A project with a job, a run of it, and a job whose webhook is to be sent a run's end."""

    def __init__(self, acme: Acme) -> None:
        self.acme = acme
        self.call = acme.alice.call
        self.admin = Person(acme.organization.id, Role.ADMIN)
        self.project: Project = acme.project
        self.jobs = f"/api/v1/projects/{acme.project.id}/jobs"
        self.job = f"{self.jobs}/{acme.job.id}"
        self.apply = f"/api/v1/projects/{acme.project.id}/apply"
        # A job of an older release gets its versions in the table with its first change.
        self.call("PUT", self.job, {"description": "changed once"})
        self.run = a_run(acme.project)
        self.triggered = ""
        self.undeployed = new_project(acme.organization.id, "undeployed", ProjectType.DBT, deployed=False)
        self.token = issue(acme.alice)[1]
        hooked, _ = new_job(acme.project, name="told", webhook_enabled=True, webhook_url="https://hooks.example/")
        self.hooked = f"{self.jobs}/{hooked.id}"
        self.after_another = {"run_after": [{"job_id": hooked.id}]}
        self.call("PUT", self.hooked, {"description": "changed once"})
        self.failed = new_run(hooked, acme.project, RunStatus.FAILED)
        self.delivery = delivery_id(self.failed.id, Event.FAILURE, "webhook")

    def trigger(self) -> None:
        """Begin a run that stays open."""
        self.triggered = self.call("POST", f"{self.job}/trigger").json["job_run_id"]

    def deliver(self) -> None:
        """Send the webhook of the failed run."""
        message = QueueMessage(self.failed.organization_id, self.failed.id, Event.FAILURE, "webhook")
        deliver(message, lambda: NOON)


# The world's job, with another schedule, and a new one.
LISTED: Final = {
    "jobs": [{"name": "nightly", "command": "dbt build", "schedule": "@hourly"}, BUILD | {"name": "one more"}]
}

CALLS: Final[dict[str, Callable[[World], Any]]] = {
    "name the token": lambda world: world.call("GET", "/api/v1/me"),
    "list projects": lambda world: world.call("GET", "/api/v1/projects"),
    "read a project": lambda world: world.call("GET", f"/api/v1/projects/{world.project.id}"),
    "list tokens": lambda world: world.admin.call("GET", "/api/v1/tokens"),
    "make a token": lambda world: world.admin.call("POST", "/api/v1/tokens", {"name": "CI", "role": "reader"}),
    "revoke a token": lambda world: world.admin.call("DELETE", f"/api/v1/tokens/{world.token}"),
    "list the runs of all projects": lambda world: world.call("GET", "/api/v1/runs"),
    "make a project": lambda world: world.admin.call(
        "POST", "/api/v1/projects", {"name": "one more", "project_type": "dbt", "image": "dbt"}
    ),
    "change a project": lambda world: world.admin.call(
        "PUT", f"/api/v1/projects/{world.project.id}", {"image": "dbt:2"}
    ),
    "delete a project": lambda world: world.admin.call("DELETE", f"/api/v1/projects/{world.undeployed.id}"),
    "preview a schedule": lambda world: world.call("GET", "/api/v1/schedules/preview", query={"schedule": "@daily"}),
    "list jobs": lambda world: world.call("GET", world.jobs),
    "create a job": lambda world: world.call("POST", world.jobs, BUILD | {"name": "one more"}),
    "plan a list of jobs": lambda world: world.call("POST", world.apply, LISTED, query={"dry_run": "true"}),
    "apply a list of jobs": lambda world: world.call("POST", world.apply, LISTED),
    "read a job": lambda world: world.call("GET", world.job),
    "change a job": lambda world: world.call("PUT", world.job, {"schedule": "@hourly"}),
    "rename a job": lambda world: world.call("PUT", world.job, {"name": "another name"}),
    "let a job run after one more": lambda world: world.call("PUT", world.job, world.after_another),
    "delete a job": lambda world: world.call("DELETE", world.job),
    "list a job's versions": lambda world: world.call("GET", f"{world.job}/history"),
    "list a job's slots": lambda world: world.call("GET", f"{world.job}/slots"),
    "roll back a job": lambda world: world.call("POST", f"{world.job}/rollback", {"version": 1}),
    "read the audit log": lambda world: world.admin.call("GET", "/api/v1/audit-log"),
    "trigger": lambda world: world.call("POST", f"{world.job}/trigger"),
    "trigger with `skip`": lambda world: world.call("POST", f"{world.job}/trigger", {"on_overlap": "skip"}),
    "trigger with `wait`": lambda world: world.call("POST", f"{world.job}/trigger", {"on_overlap": "wait"}),
    "cancel a run": lambda world: world.call("POST", f"/api/v1/runs/{world.triggered}/cancel"),
    "retry a run": lambda world: world.call("POST", f"/api/v1/runs/{world.failed.id}/retry"),
    "list runs": lambda world: world.call("GET", f"/api/v1/projects/{world.project.id}/runs"),
    "list runs with `include_stats`": lambda world: world.call(
        "GET", f"/api/v1/projects/{world.project.id}/runs", query={"include_stats": "true"}
    ),
    "statistics of runs": lambda world: world.call("GET", f"/api/v1/projects/{world.project.id}/runs/daily-stats"),
    "read a run": lambda world: world.call("GET", f"/api/v1/runs/{world.run.id}"),
    "read a run's log": lambda world: world.call("GET", f"/api/v1/runs/{world.run.id}/logs"),
    "follow a run's log": lambda world: world.call("GET", f"/api/v1/runs/{world.run.id}/logs", query={"wait": "0"}),
    "read a run's results": lambda world: world.call("GET", f"/api/v1/runs/{world.run.id}/results"),
    "list a run's artifacts": lambda world: world.call("GET", f"/api/v1/runs/{world.run.id}/artifacts"),
    "download an artifact": lambda world: world.call("GET", f"/api/v1/runs/{world.run.id}/artifacts/manifest.json"),
    "download an artifact of the last success": lambda world: world.call(
        "GET", f"/api/v1/projects/{world.project.id}/artifacts/latest/manifest.json"
    ),
    "a pod stores artifacts": lambda world: as_pod(world.acme, world.run.id, FILES),
    "list model executions": lambda world: world.call("GET", f"/api/v1/projects/{world.project.id}/model-executions"),
    "statistics of models": lambda world: world.call(
        "GET", f"/api/v1/projects/{world.project.id}/model-executions/stats"
    ),
    "list deliveries": lambda world: world.call("GET", f"{world.hooked}/deliveries"),
    "a live call": lambda world: world.call("GET", "/api/v1/jobs"),
    "a test of notifications": lambda world: world.call("POST", f"{world.hooked}/notifications/test"),
    "redeliver": lambda world: world.call("POST", f"{world.hooked}/deliveries/{world.delivery}/redeliver"),
    "rotate the secret": lambda world: world.call("POST", f"{world.hooked}/notifications/rotate-secret"),
    "a webhook that is taken": lambda world: world.deliver(),
}


@pytest.fixture
def world(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(http, "post", lambda *_: Answer(200, ""))
    acme.alice.call("GET", "/api/v1/jobs")  # from here on the organization's cluster is known
    return World(acme)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count what is asked of DynamoDB from here on, in the words of the page."""
    asked: Counter[str] = Counter()

    def counted(call: Call) -> Any:
        if call.service == "dynamodb":
            asked[_in_words(call.operation, call.arguments)] += 1
        return call.make()

    intercept_aws(monkeypatch, counted)
    return asked


def _in_words(operation: str, arguments: dict[str, Any]) -> str:
    name = OPERATIONS.get(operation, operation)
    several = arguments.get("TransactItems") or [
        key for table in arguments.get("RequestItems", {}).values() for key in table["Keys"]
    ]
    return f"{name} of {len(several)}" if several else name


def _said(cell: str) -> Counter[str]:
    """Count the operations that a cell of the table names."""
    found = re.findall(r"(\d+) (transaction|GetItem|BatchGetItem|Query|PutItem|UpdateItem)s?( of \d+)?", cell)
    calls: Counter[str] = Counter()
    for number, name, size in found:
        calls[name + size] += int(number)
    return calls


@pytest.mark.parametrize("call", CALLS)
def test_a_call_asks_what_the_page_says(world: World, asked: Counter[str], call: str) -> None:
    if call == "redeliver":
        world.deliver()
    if call == "cancel a run":
        world.trigger()
    if call == "roll back a job":
        world.call("PUT", world.job, {"schedule": "@weekly"})
    asked.clear()

    CALLS[call](world)

    reads, writes = (_said(cell) for cell in ROWS[call])
    assert {name.split()[0] for name in reads} <= READS
    assert not {name.split()[0] for name in writes} & READS
    assert asked == reads + writes


def test_every_call_of_the_page_is_tried() -> None:
    assert set(ROWS) - {"call", "---"} == {*CALLS, "the authorizer"}


def test_the_authorizer_asks_what_the_page_says(alice: Person, asked: Counter[str]) -> None:
    text, _ = issue(alice)
    asked.clear()

    authorize(f"Bearer {text}")

    assert asked == _said(ROWS["the authorizer"][0])
