"""Every function, warm and in this process, over moto and an embedded cluster in a process of its own."""

import contextlib
import importlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from benchmarks.measure import ROOT, Call, recorded_calls
from local.aws import LocalAws
from local.kubernetes_api import KubernetesApi
from local.template import read

if TYPE_CHECKING:
    from tests.functions.cast import Person

JOBS = 25
RUNS = 25


@dataclass(frozen=True)
class Invocation:
    """One event that a handler answered, and the calls it made."""

    function: str
    seconds: float
    calls: list[Call]

    @property
    def own_seconds(self) -> float:
        """What the handler took without its calls to AWS and the cluster."""
        return self.seconds - sum(call.seconds for call in self.calls)


@dataclass
class Stage:
    """A developer with a project of 25 jobs and 25 runs; `invocations` grows with every event."""

    developer: "Person"
    project_id: str
    authorization: str
    invocations: list[Invocation]
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def requests(self) -> dict[str, Callable[[], object]]:
        """Return one request for each function, by the function's name; what it needs first is done inside it."""
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
            "get_live_job": lambda: self._call("GET", live),
            "get_live_logs": lambda: self._call("GET", f"{live}/logs"),
            "update_job": lambda: self._call("PUT", job, {"description": f"edit {next(self.numbers)}"}),
            "create_job": self._create,
            "delete_job": lambda: self._call("DELETE", f"{jobs}/{self._create()}"),
            # Another job each time, since a second run of one within a second has to look for a free name.
            "trigger_job": lambda: self._call("POST", f"{jobs}/{self._create()}/trigger"),
        }

    def fill(self) -> None:
        """Make the jobs and runs that lists are measured on."""
        jobs = [self._create() for _ in range(JOBS)]
        for number in range(RUNS):
            self._call("POST", f"/api/v1/projects/{self.project_id}/jobs/{jobs[number % JOBS]}/trigger")

    def _create(self) -> str:
        body = {"name": f"job {next(self.numbers)}", "command": "dbt build", "schedule": "0 2 * * *"}
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
def stage() -> Iterator[Stage]:
    """Set up everything, record every invocation, and take it all down again."""
    template = read(ROOT / "template.yaml", cache=ROOT / ".local" / "cache")
    with (
        TemporaryDirectory() as home,
        LocalAws(template),
        cluster(Path(home)) as kubeconfig,
        recorded_calls() as calls,
    ):
        os.environ["KUBECONFIG"] = str(kubeconfig)
        yield _set_up(calls, KubernetesApi(kubeconfig))


def _set_up(calls: list[Call], api: KubernetesApi) -> Stage:
    # The store reads the names of the tables when it is imported.
    from jobs_api import store, tokens  # noqa: PLC0415
    from jobs_api.commands import ProjectType  # noqa: PLC0415
    from jobs_api.organizations import Role  # noqa: PLC0415
    from tests.functions.cast import Person, new_organization, new_project  # noqa: PLC0415

    organization = new_organization("bench").id
    api.create("/api/v1/namespaces", {"metadata": {"name": organization}})
    secret, token = tokens.issue(organization, Role.DEVELOPER, datetime.now(UTC), expires_at=None)
    store.create_token(token)
    project = new_project(organization, "bench", ProjectType.DBT)
    made = Stage(Person(organization), project.id, f"Bearer {secret}", _recorded_invocations(calls))
    made.fill()
    return made


def _recorded_invocations(calls: list[Call]) -> list[Invocation]:
    """Wrap the handler of every function, so that each event it answers is recorded."""
    invocations: list[Invocation] = []

    def recording(function: str, handler: Callable[..., Any]) -> Callable[..., Any]:
        def lambda_handler(event: Any, context: Any) -> Any:
            calls.clear()
            begun = time.perf_counter()
            answer = handler(event, context)
            invocations.append(Invocation(function, time.perf_counter() - begun, list(calls)))
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
        assert process.stdout.readline(), "the cluster did not start"  # it says where it is once it answers
        yield home / "kubeconfig"
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
