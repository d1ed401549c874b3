"""The stack of `make run` for benchmarks: a process in a temporary home, clients of it, and what it costs."""

import http.client
import itertools
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import boto3

from benchmarks.cluster_view import ClusterView
from benchmarks.measure import ROOT

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

    @classmethod
    def started(cls, home: Path, **more: str) -> "Laptop":
        """Start `make run`'s process in a home, and wait for its first answer."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("JOBS_API_")}
        environment |= {"JOBS_API_HOME": str(home), "PORT": "0", **more}
        # A killed service leaves its session file, which has the old address.
        (home / "session.json").unlink(missing_ok=True)
        begun = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "local"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
        )
        try:
            session = json.loads(until(lambda: _read(home / "session.json"), process))
            Client(session).call("GET", "/jobs")
        except BaseException:
            process.kill()
            raise
        return cls(home, process, session, ClusterView(session), time.monotonic() - begun)

    @property
    def project(self) -> str:
        """The id of jaffle."""
        return str(next(project["id"] for project in self.session["projects"] if project["name"] == "jaffle"))

    @property
    def jobs(self) -> str:
        """The path of jaffle's jobs."""
        return f"/projects/{self.project}/jobs"

    def operate(self, *arguments: str) -> None:
        """Do what an operator does on the command line."""
        command = ["sh", "-c", '. "$0" && exec "$@"', str(self.home / "env"), sys.executable, "-m", "jobsctl"]
        subprocess.run([*command, *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)

    def create_job(self, client: Client, command: str = "dbt build", **fields: Any) -> Any:
        """Make a job that never fires by itself."""
        name = f"bench {next(self.names)}"
        return client.call("POST", self.jobs, {"name": name, "command": command, "schedule": "0 0 1 1 *", **fields})

    def copy_runs(self, run_id: str, count: int) -> None:
        """Put copies of a run beside it, older by a minute each."""
        tables: Any = boto3.client(
            "dynamodb",
            endpoint_url=self._exported["AWS_ENDPOINT_URL"],
            region_name=self._exported["AWS_REGION"],
            aws_access_key_id=self._exported["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self._exported["AWS_SECRET_ACCESS_KEY"],
        )
        name = self._exported["RUNS_TABLE"]
        item = tables.get_item(TableName=name, Key={"run_id": {"S": run_id}})["Item"]
        for first in range(0, count, 25):
            copies = [
                {**item, "run_id": {"S": f"run_{number:016d}"}, "position": {"S": f"2020-{number:010d}"}}
                for number in range(first, min(first + 25, count))
            ]
            tables.batch_write_item(RequestItems={name: [{"PutRequest": {"Item": copy}} for copy in copies]})

    @property
    def _exported(self) -> dict[str, str]:
        lines = (self.home / "env").read_text().splitlines()
        pairs = (line.removeprefix("export ").partition("=") for line in lines)
        return {name: "".join(shlex.split(value)) for name, _, value in pairs}


@contextmanager
def laptop(**more: str) -> Iterator[Laptop]:
    """Run `make run`'s process until the block ends, with `more` in its environment."""
    with TemporaryDirectory() as home:
        stack = Laptop.started(Path(home), **more)
        try:
            yield stack
        finally:
            stack.process.send_signal(signal.SIGTERM)
            # Pods have half a minute to end.
            stack.process.wait(PATIENCE_SECONDS)


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
    return sum(kilobytes for _, kilobytes in _family(pid)) / 1024


def processor_seconds(pid: int) -> float:
    """Return what a process and all its descendants have worked since they were started."""
    ticks = 0
    for process, _ in _family(pid):
        with suppress(FileNotFoundError):
            # https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: utime and stime are the 14th and 15th field.
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _family(pid: int) -> list[tuple[int, int]]:
    lines = subprocess.check_output(["ps", "-A", "-o", "pid=,ppid=,rss="], text=True).splitlines()  # noqa: S607
    rows = [tuple(map(int, line.split())) for line in lines]
    family = {pid}
    while grown := {child for child, parent, _ in rows if parent in family and child not in family}:
        family |= grown
    return [(process, kilobytes) for process, _, kilobytes in rows if process in family]


def _read(path: Path) -> str | None:
    return path.read_text() if path.exists() else None
