"""The stack of `make run`, measured from outside: its start, its size, how soon things happen, and what HTTP costs.

    python -m benchmarks.laptop [requests]

It runs in a temporary home on a port of its own. The jobs are of the example dbt project; where only the API is
measured, a `dbt` that does nothing stands in, so that the requests and not the builds are what keeps the machine busy.
"""

import http.client
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from benchmarks.cluster_view import ClusterView
from benchmarks.measure import ROOT, Figure, report, seconds

START_SECONDS = 5.0
TRIGGER_SECONDS = 1.0
SUCCESS_SECONDS = 5.0
# Milliseconds, with one client: what people would otherwise run on the same machine.
OTHERWISE = {"create": 393.0, "list of 25": 20.0, "trigger": 19.0, "read run": 10.0}
CLIENTS = 8
PATIENCE_SECONDS = 180.0


@dataclass
class Client:
    """One connection to the API, for one thread."""

    session: dict[str, Any]
    connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        """Connect on the first request."""
        self.connection = http.client.HTTPConnection(urlsplit(self.session["url"]).netloc, timeout=60)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request and return its JSON; raises AssertionError unless it succeeds."""
        headers = {"Authorization": f"Bearer {self.session['token']}", "Content-Type": "application/json"}
        self.connection.request(method, f"/api/v1{path}", None if body is None else json.dumps(body), headers)
        response = self.connection.getresponse()
        text = response.read()
        assert response.status < HTTPStatus.BAD_REQUEST, f"{method} {path}: {response.status} {text.decode()}"
        return json.loads(text)


@dataclass
class Laptop:
    """A running stack: its process, what it wrote into session.json, and the project jaffle."""

    home: Path
    process: "subprocess.Popen[bytes]"
    session: dict[str, Any]
    cluster: ClusterView
    first_answer_seconds: float
    names: Iterator[int] = field(default_factory=itertools.count)

    @property
    def jobs(self) -> str:
        """The path of jaffle's jobs."""
        project = next(project["id"] for project in self.session["projects"] if project["name"] == "jaffle")
        return f"/projects/{project}/jobs"

    def create_job(self, client: Client, command: str = "dbt build", **fields: Any) -> Any:
        """Make a job that never fires by itself."""
        name = f"bench {next(self.names)}"
        return client.call("POST", self.jobs, {"name": name, "command": command, "schedule": "0 0 1 1 *", **fields})


def main(requests: int = 200) -> None:
    """Start the stack, take every figure, end it."""
    with laptop() as stack:
        start = Figure("to the first 200", stack.first_answer_seconds, "s", budget=START_SECONDS)
        stack.cluster.wait_until_deployed(PATIENCE_SECONDS)
        time.sleep(5)  # at rest is when the start's own work is over
        report("make run", [start, Figure("memory at rest, all processes", memory_mb(stack.process.pid), "MB")])
        report("How soon things happen", [*reactions(stack)])
        report(*over_http(stack, requests))


@contextmanager
def laptop() -> Iterator[Laptop]:
    """Run `make run`'s process until the block ends."""
    with TemporaryDirectory() as home:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("JOBS_API_")}
        environment |= {"JOBS_API_HOME": home, "PORT": "0"}
        begun = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "local"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
        )
        try:
            session = json.loads(until(lambda: _read(Path(home) / "session.json"), process))
            Client(session).call("GET", "/jobs")
            answered = time.monotonic() - begun
            yield Laptop(Path(home), process, session, ClusterView(session), answered)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def reactions(stack: Laptop, rounds: int = 5) -> Iterator[Figure]:
    """Measure from a request to what it brings about in the cluster, and from a process's end to what the API says."""
    client = Client(stack.session)

    def appearance() -> float:
        job = stack.create_job(client)
        return seconds(lambda: until(lambda: stack.cluster.has_cronjob(job["cronjob_name"]), stack.process))

    yield Figure("POST answered to CronJob in the cluster", median(appearance() for _ in range(rounds)), "s", 1.0)

    job = stack.create_job(client, "dbt debug")
    runs = [_one_run(stack, client, job["id"]) for _ in range(rounds)]
    yield Figure("trigger sent to the process running", median(start for start, _ in runs), "s", TRIGGER_SECONDS)
    yield Figure("process ended to success in the API", median(end for _, end in runs), "s", SUCCESS_SECONDS)


def _one_run(stack: Laptop, client: Client, job_id: str) -> tuple[float, float]:
    """Trigger a job; return the seconds to its process's start, and from its end to the run's success."""
    begun = time.monotonic()
    run = client.call("POST", f"{stack.jobs}/{job_id}/trigger")
    until(lambda: stack.cluster.has_started(run["job_name"]), stack.process)
    started = time.monotonic()
    until(lambda: stack.cluster.has_ended(run["job_name"]), stack.process)
    ended = time.monotonic()
    until(lambda: client.call("GET", f"/runs/{run['job_run_id']}")["status"] == "success", stack.process)
    return started - begun, time.monotonic() - ended


def over_http(stack: Laptop, requests: int) -> tuple[str, list[Figure]]:
    """Measure four requests, one client after another and eight at once."""
    client = Client(stack.session)
    empty = {"PATH": str(_idle_dbt(stack.home))}
    for job in client.call("GET", stack.jobs)["jobs"]:
        client.call("DELETE", f"{stack.jobs}/{job['id']}")
    jobs = [stack.create_job(client, environment=empty) for _ in range(25)]
    run = client.call("POST", f"{stack.jobs}/{jobs[0]['id']}/trigger")["job_run_id"]
    numbers = itertools.count()
    actions: dict[str, Callable[[Client], object]] = {
        "list of 25": lambda client: client.call("GET", stack.jobs),
        "read run": lambda client: client.call("GET", f"/runs/{run}"),
        "create": lambda client: stack.create_job(client, environment=empty),
        "trigger": lambda client: client.call("POST", f"{stack.jobs}/{jobs[next(numbers) % 25]['id']}/trigger"),
    }
    alone, together = [], []
    for name, action in actions.items():
        for _ in range(5):
            action(client)
        taken = median(seconds(partial(action, client)) for _ in range(requests))
        alone.append(Figure(f"{name}, one client, median", taken * 1000, "ms", OTHERWISE[name]))
        together.append(Figure(f"{name}, eight clients", per_second(stack, action, requests), "/s"))
    return f"Over HTTP, {requests} requests each", [*alone, *together]


def per_second(stack: Laptop, action: Callable[[Client], object], requests: int) -> float:
    """Return how many requests per second eight clients get through together."""
    local = threading.local()

    def act(_: int) -> None:
        if not hasattr(local, "client"):
            local.client = Client(stack.session)
        action(local.client)

    with ThreadPoolExecutor(CLIENTS) as clients:
        return requests / seconds(lambda: list(clients.map(act, range(requests))))


def until[T](found: Callable[[], T | None], process: "subprocess.Popen[bytes]") -> T:
    """Ask every 5 ms until there is something; raises TimeoutError, or ChildProcessError if the stack has ended."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if value := found():
            return value
        if process.poll() is not None:
            raise ChildProcessError(f"make run ended with status {process.returncode}")
        time.sleep(0.005)
    raise TimeoutError


def memory_mb(pid: int) -> float:
    """Return the resident memory of a process and all its descendants."""
    lines = subprocess.check_output(["ps", "-A", "-o", "pid=,ppid=,rss="], text=True).splitlines()  # noqa: S607
    rows = [tuple(map(int, line.split())) for line in lines]
    family = {pid}
    while grown := {child for child, parent, _ in rows if parent in family and child not in family}:
        family |= grown
    return sum(kilobytes for process, _, kilobytes in rows if process in family) / 1024


def _idle_dbt(home: Path) -> Path:
    folder = home / "idle"
    folder.mkdir()
    program = folder / "dbt"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return folder


def _read(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
