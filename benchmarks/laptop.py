"""The stack of `make run`, measured from outside: its start, its size, how soon things happen, and what HTTP costs.

    python -m benchmarks.laptop [requests]

It runs in a temporary home on a port of its own. The jobs are of the example dbt project; where only the API is
measured, a `dbt` that does nothing stands in, so that the requests and not the builds are what keeps the machine busy.
"""

import itertools
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.laptop_stack import (
    PATIENCE_SECONDS,
    Client,
    Laptop,
    laptop,
    memory_mb,
    processor_seconds,
    until,
)
from benchmarks.measure import Figure, report, seconds

START_SECONDS = 5.0
TRIGGER_SECONDS = 1.0
SUCCESS_SECONDS = 5.0
# Aims in milliseconds, with one client. The alternative that users would run on the same machine takes 20 for a list,
# 10 for a run, 393 to create and 19 to trigger.
ALONE = {"list of 25": 8.0, "read run": 3.0, "create": 15.0, "update": 15.0, "trigger": 15.0}
# Aims in requests a second, with eight clients; the alternative answers 43 lists or 102 runs.
TOGETHER = {"list of 25": 150.0, "read run": 400.0, "create": 80.0, "update": 80.0}
IDLE_PERCENT = 3.0
MEMORY_MB = 200.0
REST_SECONDS = 30.0
# A start continues for some seconds after the first answer: functions are imported and the first passes run.
START_SECONDS = 20
CLIENTS = 8


def main(requests: int = 200) -> None:
    """Start the stack, take every figure, end it."""
    with laptop() as stack:
        start = Figure("to the first 200", stack.first_answer_seconds, "s", budget=START_SECONDS)
        stack.cluster.wait_until_deployed(PATIENCE_SECONDS)
        time.sleep(5)  # the service is at rest once the work of the start is done
        report("make run", [start, *at_rest(stack)])
        report("How soon things happen", [*reactions(stack)])
        report(*over_http(stack, requests))
        report("After 1,000 jobs, 50,000 runs and a kill -9", [after_a_kill(stack)])


def at_rest(stack: Laptop) -> Iterator[Figure]:
    """Measure what a stack costs in which nothing runs."""
    pid = stack.process.pid
    time.sleep(START_SECONDS)
    begun, worked = time.monotonic(), processor_seconds(pid)
    time.sleep(REST_SECONDS)
    share = (processor_seconds(pid) - worked) / (time.monotonic() - begun)
    yield Figure("processor at rest, all processes", share * 100, "%", IDLE_PERCENT)
    yield Figure("memory at rest, all processes", memory_mb(pid), "MB", MEMORY_MB)


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
    """Measure five requests, one client after another and eight at once."""
    client = Client(stack.session)
    stack.operate("project", "set", stack.session["organization_id"], stack.project, 'allowed_environment=["PATH"]')
    empty = {"PATH": str(_idle_dbt(stack.home))}
    for job in client.call("GET", stack.jobs)["jobs"]:
        client.call("DELETE", f"{stack.jobs}/{job['id']}")
    jobs = [stack.create_job(client, environment=empty) for _ in range(25)]
    run = client.call("POST", f"{stack.jobs}/{jobs[0]['id']}/trigger")["job_run_id"]
    numbers = itertools.count()

    def of_a_job() -> str:
        return f"{stack.jobs}/{jobs[next(numbers) % 25]['id']}"

    actions: dict[str, Callable[[Client], object]] = {
        "list of 25": lambda client: client.call("GET", stack.jobs),
        "read run": lambda client: client.call("GET", f"/runs/{run}"),
        "update": lambda client: client.call("PUT", of_a_job(), {"command": f"dbt build --threads {next(numbers)}"}),
        "trigger": lambda client: client.call("POST", f"{of_a_job()}/trigger"),
        # Measured last, because it makes the list longer.
        "create": lambda client: stack.create_job(client, environment=empty),
    }
    alone, together = [], []
    for name, action in actions.items():
        for _ in range(5):
            action(client)
        taken = median(seconds(partial(action, client)) for _ in range(requests))
        alone.append(Figure(f"{name}, one client, median", taken * 1000, "ms", ALONE[name]))
        rate = per_second(stack, action, requests)
        together.append(Figure(f"{name}, eight clients", rate, "/s", TOGETHER.get(name), at_least=True))
    return f"Over HTTP, {requests} requests each", [*alone, *together]


def after_a_kill(stack: Laptop, jobs: int = 1000, runs: int = 50_000) -> Figure:
    """Fill the tables, kill the stack, and measure its next start; the stack is that one from then on."""
    client = Client(stack.session)
    there = client.call("GET", stack.jobs)["jobs"]
    for _ in range(jobs - len(there)):
        stack.create_job(client)
    stack.copy_runs(client.call("GET", f"/projects/{stack.project}/runs?limit=1")["runs"][0]["id"], runs)
    stack.process.kill()
    stack.process.wait()
    again = Laptop.started(stack.home)
    stack.process, stack.session = again.process, again.session
    (first,) = Client(again.session).call("GET", f"/projects/{again.project}/runs?limit=1")["runs"]
    assert first["id"]
    return Figure("to the first 200", again.first_answer_seconds, "s", budget=6.0)


def per_second(stack: Laptop, action: Callable[[Client], object], requests: int) -> float:
    """Return how many requests per second eight clients get through together."""
    local = threading.local()

    def act(_: int) -> None:
        if not hasattr(local, "client"):
            local.client = Client(stack.session)
        action(local.client)

    with ThreadPoolExecutor(CLIENTS) as clients:
        return requests / seconds(lambda: list(clients.map(act, range(requests))))


def _idle_dbt(home: Path) -> Path:
    folder = home / "idle"
    folder.mkdir()
    program = folder / "dbt"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return folder


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
