"""`make run` that is killed and run again: nothing is lost, nothing runs twice, and each miss says why.

A stand-in for dbt writes down each time it is started, which is what nothing else here can be wrong about.
"""

import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.kubernetes_api import KubernetesApi
from tests.local.test_make_run import START_SECONDS, Running, start

STAND_IN = """#!/bin/sh
echo "$HOSTNAME" >> "$STARTS"
echo "begun $*"
case "$*" in *slow*) sleep 300 ;; *while*) sleep 3 ;; esac
case "$*" in *fail*) exit 1 ;; esac
echo "done"
"""
DEADLINE_SECONDS = 30
# A slot counts as missed a minute after its deadline.
SPOKEN_OF_SECONDS = DEADLINE_SECONDS + 60 + 30
KILLS = 6


def eventually[T](found: Callable[[], T], seconds: float) -> T:
    """Wait until there is something, and return it; fails where it does not come."""
    deadline = time.monotonic() + seconds
    while not (there := found()):
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.05)
    return there


@dataclass
class Laptop:
    """A home, and whatever runs in it at the moment."""

    home: Path
    running: Running | None = None

    def start(self) -> Running:
        process = start(self.home)
        session = self.home / "session.json"

        def answers() -> Any:
            assert process.poll() is None, process.communicate()[1]
            return session.exists() and (found := json.loads(session.read_text()))["pid"] == process.pid and found

        self.running = Running(process, self.home, eventually(answers, START_SECONDS))
        return self.running

    def end(self, how: signal.Signals) -> None:
        assert self.running
        self.running.process.send_signal(how)
        self.running.process.communicate()
        self.running = None

    def stand_in(self) -> None:
        """Let jaffle's jobs run the stand-in."""
        assert self.running
        folder = self.home / "bin"
        folder.mkdir()
        (folder / "dbt").write_text(STAND_IN)
        (folder / "dbt").chmod(0o755)
        values = {"PATH": f"{folder}:/usr/bin:/bin", "STARTS": str(self.home / "starts")}
        secret = {"metadata": {"name": "stand-in"}, "type": "Opaque", "stringData": values}
        KubernetesApi(self.home / "kubeconfig").create("/api/v1/namespaces/org-acme/secrets", secret)
        settings = ("image=python", "environment_secret=stand-in", "working_directory=/", "concurrency_policy=Allow")
        limits = (f"starting_deadline_seconds={DEADLINE_SECONDS}", "successful_history_limit=20")
        self.running.jobsctl("project", "set", "org-acme", self.project, *settings, *limits)

    @property
    def project(self) -> str:
        assert self.running
        projects = self.running.session["projects"]
        return str(next(project["id"] for project in projects if project["name"] == "jaffle"))

    def create_job(self, name: str, command: str, **fields: Any) -> str:
        job = {"name": name, "command": command, "schedule": "0 0 1 1 *", **fields}
        return str(self.call("POST", f"/projects/{self.project}/jobs", job)["id"])

    def trigger(self, job: str) -> str:
        return str(self.call("POST", f"/projects/{self.project}/jobs/{job}/trigger")["job_run_id"])

    def run(self, run: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"/runs/{run}")
        return found

    def await_end(self, run: str) -> None:
        eventually(lambda: self.run(run)["status"] in {"success", "error"}, 90)

    def runs(self, job: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("GET", f"/projects/{self.project}/runs?job_id={job}&limit=100")["runs"]
        return found

    def call(self, method: str, path: str, body: Any = None) -> Any:
        assert self.running
        status, answer = self.running.call(method, path, body)
        assert status < 300, f"{method} {path}: {status} {answer}"
        return answer

    def log(self, run: str) -> str:
        return str(self.call("GET", f"/runs/{run}/logs")["logs"])

    def delivered(self, job: str, run: str) -> list[dict[str, Any]]:
        """Return the delivered notifications of a run's end."""
        found = self.call("GET", f"/projects/{self.project}/jobs/{job}/deliveries")["deliveries"]
        ends = [one for one in found if one["run_id"] == run and one["event"] != "run.started"]
        return [one for one in ends if one["status"] == "delivered"]

    def starts(self) -> Counter[str]:
        """How often the command of each pod was started, by the pod's name."""
        path = self.home / "starts"
        return Counter(path.read_text().split() if path.exists() else [])

    def left_over(self) -> list[str]:
        """Processes of pods that still run."""
        listed = subprocess.run(["ps", "-A", "e", "-o", "pid=,args="], capture_output=True, text=True, check=True)  # noqa: S607
        return [line for line in listed.stdout.splitlines() if f"HOME={self.home.resolve()}/pods/" in line]


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[Laptop]:
    laptop = Laptop(tmp_path / "home")
    laptop.home.mkdir()
    try:
        laptop.start()
        laptop.stand_in()
        yield laptop
    finally:
        if laptop.running:
            laptop.end(signal.SIGKILL)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["killed", "Ctrl-C"])
def test_a_run_that_was_going_is_an_error_that_says_so_once(laptop: Laptop, how: signal.Signals) -> None:
    assert laptop.running
    hook = f"{laptop.running.session['inbox']['webhook_url']}/stopped"
    slow = laptop.create_job("slow", "dbt run --select slow", webhook_url=hook, webhook_enabled=True)
    quick = laptop.create_job("quick", "dbt run --select quick")
    run = laptop.trigger(slow)
    eventually(lambda: laptop.run(run)["status"] == "running", 60)
    eventually(lambda: laptop.starts().total() == 1, 60)
    asked_for = laptop.trigger(quick)

    laptop.end(how)
    eventually(lambda: not laptop.left_over(), 60)
    laptop.start()

    eventually(lambda: laptop.run(run)["status"] not in {"pending", "running"}, 60)
    ended = laptop.run(run)
    assert ended["status"] == "error"
    assert "The service was stopped while the run was going" in ended["error_message"]
    assert laptop.log(run).startswith("begun run --select slow")
    # The run may have started by then.
    eventually(lambda: laptop.run(asked_for)["status"] == "success" or _was_stopped(laptop.run(asked_for)), 90)
    assert set(laptop.starts().values()) == {1}

    eventually(lambda: laptop.delivered(slow, run), 60)
    laptop.end(signal.SIGKILL)
    laptop.start()
    eventually(lambda: laptop.run(run)["status"] == "error", 60)
    assert len(laptop.delivered(slow, run)) == 1


@pytest.mark.skipif(not os.environ.get("RESTARTS"), reason="it takes ten minutes; RESTARTS=1 runs it")
@pytest.mark.timeout(1200)
def test_every_slot_and_every_trigger_is_one_run_whenever_it_was_killed(laptop: Laptop) -> None:
    dice = random.Random(os.environ.get("RESTARTS_SEED", "11"))  # noqa: S311 - moments, no secrets
    minutely = [
        laptop.create_job(f"minutely {n}", f"dbt run --select while{n}", schedule="* * * * *") for n in range(3)
    ]
    asked = laptop.create_job("asked", "dbt run --select while")
    created = datetime.now(UTC)
    runs = []
    for _ in range(KILLS):
        until = time.monotonic() + dice.uniform(0.5, 25)
        while time.monotonic() < until:
            runs.append(laptop.trigger(asked))
            time.sleep(dice.uniform(0, 4))
        laptop.end(dice.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]))
        eventually(lambda: not laptop.left_over(), 60)
        time.sleep(dice.choice([0, 0, dice.uniform(10, 60)]))
        laptop.start()
    # The stop is longer than the starting deadline and includes a slot, which is missed.
    laptop.end(signal.SIGKILL)
    stopped = datetime.now(UTC)
    missed = stopped.replace(second=0, microsecond=0) + timedelta(minutes=1)
    time.sleep((missed - stopped).total_seconds() + DEADLINE_SECONDS + 2)
    laptop.start()
    last = missed

    for run in runs:
        laptop.await_end(run)
    assert all(laptop.run(run)["status"] == "success" or _was_stopped(laptop.run(run)) for run in runs)
    time.sleep(max(0, (last - datetime.now(UTC)).total_seconds() + SPOKEN_OF_SECONDS))
    starts, seen = laptop.starts(), 0
    for job in minutely:
        found = [one for one in laptop.runs(job) if datetime.fromisoformat(one["scheduled_for"]) <= last]
        slots = [datetime.fromisoformat(one["scheduled_for"]) for one in found]
        first = created.replace(second=0, microsecond=0) + timedelta(minutes=1)
        due = [first + timedelta(minutes=n) for n in range(int((last - first).total_seconds()) // 60 + 1)]
        # The first slot may have been before its CronJob was in the cluster.
        assert sorted(slots)[-len(due) + 1 :] == due[1:]
        assert len(set(slots)) == len(slots)
        for one in found:
            assert one["status"] == "success" or _was_stopped(one) or "Missed: the " in one["error_message"], one
        (gap,) = [one for one in found if datetime.fromisoformat(one["scheduled_for"]) == missed]
        assert gap["error_message"].startswith("Missed: the service was stopped from "), gap
        seen += len(found)
    assert seen > KILLS
    assert max(starts.values()) == 1
    names = {
        laptop.run(run)["job_name"] for run in [*runs, *(one["id"] for job in minutely for one in laptop.runs(job))]
    }
    assert {pod.rpartition("-")[0] for pod in starts} <= names


def _was_stopped(run: dict[str, Any]) -> bool:
    return run["status"] == "error" and "service was stopped" in run["error_message"]
