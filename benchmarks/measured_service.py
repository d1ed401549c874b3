"""The service as the benchmarks measure it: every function in this process, AWS and the cluster in others."""

import contextlib
import importlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from benchmarks.measure import ROOT, Call, recorded_calls
from local.kubernetes_api import KubernetesApi
from local.template import read
from tests.fast_moto.aws import LocalAws

if TYPE_CHECKING:
    from tests.functions.people import Person

JOBS = 25
RUNS = 25
DELIVERIES = 25


@dataclass(frozen=True)
class Invocation:
    """One event that a handler answered, its processor time, and the calls that it made."""

    function: str
    processor_seconds: float
    calls: list[Call]

    @property
    def seconds_without_calls(self) -> float:
        """The processor time without the handler's calls to AWS and the cluster."""
        return self.processor_seconds - sum(call.processor_seconds for call in self.calls)


@dataclass
class MeasuredService:
    """A developer with a project of 25 jobs and 25 runs; `invocations` grows with every event."""

    developer: "Person"
    project_id: str
    authorization: str
    invocations: list[Invocation]
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    ended: str | None = None

    def requests(self) -> dict[str, Callable[[], object]]:
        """Return one request for each function, by the function's name; each prepares what it needs."""
        jobs = f"/api/v1/projects/{self.project_id}/jobs"
        job = f"{jobs}/{self._create()}"
        answer = self._call("POST", f"{job}/trigger")
        run = f"/api/v1/runs/{answer['job_run_id']}"
        live = f"/api/v1/jobs/{answer['job_name']}"
        return {
            "authorize_request": self._authorize,
            "list_jobs": lambda: self._call("GET", jobs),
            "list_live_jobs": lambda: self._call("GET", "/api/v1/jobs"),
            "list_runs": lambda: self._call("GET", f"/api/v1/projects/{self.project_id}/runs", query={"limit": "25"}),
            "get_job": lambda: self._call("GET", job),
            "get_run": lambda: self._call("GET", run),
            "get_run_logs": lambda: self._call("GET", f"/api/v1/runs/{self._ended()}/logs"),
            "get_live_job": lambda: self._call("GET", live),
            "get_live_logs": lambda: self._call("GET", f"{live}/logs"),
            "update_job": lambda: self._call("PUT", job, {"description": f"edit {next(self.numbers)}"}),
            "create_job": self._create,
            "delete_job": lambda: self._call("DELETE", f"{jobs}/{self._create()}"),
            # A trigger takes another job each time, because a second run of a job within a second has to search for a
            # free name. A cancel takes another run each time, because cancelling again needs no call to the cluster.
            "cancel_run": lambda: self._call("POST", f"/api/v1/runs/{self._triggered()}/cancel"),
            "retry_run": lambda: self._call("POST", f"/api/v1/runs/{self._ended()}/retry"),
            "trigger_job": lambda: self._call("POST", f"{jobs}/{self._create()}/trigger"),
            **self._about_notifications(),
        }

    def fill(self) -> None:
        """Make the jobs and runs for the lists."""
        jobs = [self._create() for _ in range(JOBS)]
        for number in range(RUNS):
            self._call("POST", f"/api/v1/projects/{self.project_id}/jobs/{jobs[number % JOBS]}/trigger")

    def _about_notifications(self) -> dict[str, Callable[[], object]]:
        # The organization has no Slack token, so that a test is answered without a call to Slack.
        settings = {"slack_channel": "#data", "slack_alerts_enabled": True, "webhook_url": "https://example.com/hook"}
        job_id = self._create(**settings)
        job = f"/api/v1/projects/{self.project_id}/jobs/{job_id}"
        delivery_id = self._deliver(job_id)
        silent = f"/api/v1/projects/{self.project_id}/jobs/{self._create(slack_channel='#data')}"
        return {
            "list_deliveries": lambda: self._call("GET", f"{job}/deliveries", query={"limit": str(DELIVERIES)}),
            "redeliver": lambda: self._call("POST", f"{job}/deliveries/{delivery_id}/redeliver"),
            "rotate_webhook_secret": lambda: self._call("POST", f"{job}/notifications/rotate-secret"),
            "test_notifications": lambda: self._call("POST", f"{silent}/notifications/test"),
        }

    def _deliver(self, job_id: str) -> str:
        """Write deliveries that count as made, and return the id of one."""
        from jobs_api import store  # noqa: PLC0415 - the store reads the names of the tables when it is imported
        from jobs_api.model.alert_targets import Event  # noqa: PLC0415
        from jobs_api.model.delivery import new_delivery  # noqa: PLC0415
        from jobs_api.model.run import RunStatus  # noqa: PLC0415
        from jobs_api.store import deliveries  # noqa: PLC0415
        from tests.notifications.notification_world import new_run  # noqa: PLC0415

        project, job = store.get_job(self.developer.organization_id, self.project_id, job_id)
        now = datetime.now(UTC)
        for _ in range(DELIVERIES):
            run = new_run(job, project, RunStatus.FAILED, now)
            made = new_delivery(run, Event.FAILURE, "slack", now, timedelta(days=1))
            assert deliveries.create(made)
        return made.id

    def _triggered(self) -> str:
        """Return the id of a run that has not ended, of a new job."""
        job = f"/api/v1/projects/{self.project_id}/jobs/{self._create()}"
        return str(self._call("POST", f"{job}/trigger")["job_run_id"])

    def _ended(self) -> str:
        """Return the id of a run that has ended and whose log is stored."""
        if self.ended is None:
            from jobs_api import store  # noqa: PLC0415 - as above
            from jobs_api.logs import archive  # noqa: PLC0415 - as above
            from jobs_api.model.run import RunStatus  # noqa: PLC0415
            from tests.notifications.notification_world import new_run  # noqa: PLC0415

            project, job = store.get_job(self.developer.organization_id, self.project_id, self._create())
            run = new_run(job, project, RunStatus.RUNNING, datetime.now(UTC))
            log, _ = archive.store_log(
                run, [b"02:00:01  1 of 1 OK created sql table model main.orders [OK in 0.01s]\n" * 100]
            )
            now = datetime.now(UTC)
            after = run.model_copy(update={"status": RunStatus.SUCCESS, "end_time": now, "log": log})
            assert store.advance_run(run, after)
            self.ended = run.id
        return self.ended

    def _create(self, **settings: object) -> str:
        number = next(self.numbers)
        schedule = f"{number % 60} {number % 24} * * *"
        body = {"name": f"job {number}", "command": "dbt build", "schedule": schedule, **settings}
        return str(self._call("POST", f"/api/v1/projects/{self.project_id}/jobs", body)["id"])

    def _call(self, method: str, path: str, body: Any = None, query: dict[str, str] | None = None) -> Any:
        answer = self.developer.call(method, path, body, at=datetime.now(UTC), query=query)
        assert answer.status < 300, answer.text
        return answer.json

    def _authorize(self) -> None:
        arn = "arn:aws:execute-api:us-east-1:123456789012:api/dev/GET/api/v1/jobs"
        event = {"type": "TOKEN", "authorizationToken": self.authorization, "methodArn": arn}
        importlib.import_module("functions.authorize_request.app").lambda_handler(event, None)


@contextmanager
def outside() -> Iterator[dict[str, str]]:
    """Run AWS and a cluster; yield the environment for other processes, which this process has from now on."""
    template = read(ROOT / "template.yaml", cache=ROOT / ".local" / "cache")
    with TemporaryDirectory() as home, LocalAws(template) as aws, cluster(Path(home)) as kubeconfig:
        os.environ["JOBS_API_KUBECONFIG"] = str(kubeconfig)
        yield {**os.environ, **aws.environment(), "POWERTOOLS_LOG_LEVEL": "CRITICAL"}


@contextmanager
def measured_service() -> Iterator[MeasuredService]:
    """Set up an organization in what `outside` runs, and record every invocation from then on."""
    with recorded_calls() as calls:
        yield _set_up(calls, KubernetesApi(Path(os.environ["JOBS_API_KUBECONFIG"])))


def _set_up(calls: list[Call], api: KubernetesApi) -> MeasuredService:
    # The store reads the names of the tables when it is imported.
    from jobs_api import store  # noqa: PLC0415
    from jobs_api.auth import tokens  # noqa: PLC0415
    from jobs_api.model.commands import ProjectType  # noqa: PLC0415
    from jobs_api.model.organization import Role  # noqa: PLC0415
    from tests.functions.people import Person, new_organization, new_project  # noqa: PLC0415

    organization = new_organization("bench").id
    api.create("/api/v1/namespaces", {"metadata": {"name": organization}})
    secret, token = tokens.issue(organization, Role.DEVELOPER, datetime.now(UTC), expires_at=None)
    store.create_token(token)
    project = new_project(organization, "bench", ProjectType.DBT)
    made = MeasuredService(Person(organization), project.id, f"Bearer {secret}", _recorded_invocations(calls))
    made.fill()
    return made


def _recorded_invocations(calls: list[Call]) -> list[Invocation]:
    """Wrap the handler of every function, so that each event it answers is recorded."""
    invocations: list[Invocation] = []

    def recording(function: str, handler: Callable[..., Any]) -> Callable[..., Any]:
        def lambda_handler(event: Any, context: Any) -> Any:
            calls.clear()
            begun = time.process_time()
            answer = handler(event, context)
            invocations.append(Invocation(function, time.process_time() - begun, list(calls)))
            return answer

        return lambda_handler

    for path in sorted((ROOT / "functions").glob("*/app.py")):
        module: Any = importlib.import_module(f"functions.{path.parent.name}.app")
        module.lambda_handler = recording(path.parent.name, module.lambda_handler)
    return invocations


@contextmanager
def cluster(home: Path) -> Iterator[Path]:
    """Run an embedded cluster without images, so that no pod ever starts; give its kubeconfig."""
    images = home / "images"
    images.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "local.cluster", "--home", home, "--images", images],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        assert process.stdout.readline(), "the cluster did not start"  # it prints its address once it answers
        yield home / "kubeconfig"
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
