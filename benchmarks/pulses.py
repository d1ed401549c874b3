"""How soon the laptop records a run's end, and how many passes and calls an organization takes.

    python -m benchmarks.pulses [rounds]
    python -m benchmarks.pulses simulate [jobs]

First the stack of `make run` as it is: so many runs, whose command records when it ends. Then an hour of an
organization where nothing runs, and of one with hourly jobs that take three minutes each, spread over the hour, in the
world of tests/reliability, where time is passed in and the default parameters hold.
"""

import atexit
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import urlopen

from benchmarks.laptop_stack import Client, Laptop, laptop, until
from benchmarks.measure import ROOT, Figure, report

CLIENTS = 2
# By then the number of open runs no longer grows: each minute has its slots, and a run takes three minutes.
SETTLED_MINUTES = 10
# The figure of docs/scale.md for the cloud, where passes follow each other after five seconds and not after one.
SUCCESS_MEDIAN, SUCCESS_P99 = 5.0, 12.0
# The PATH of the job contains only this program.
COMMAND = "#!/bin/sh\n/bin/sleep 0.3\nexec /bin/date +%s.%N\n"


def main(rounds: int = 100) -> None:
    """Measure the laptop; the simulation is a process of its own, since it has an AWS of its own."""
    with laptop() as stack:
        stack.operate("project", "set", stack.session["organization_id"], stack.project, 'allowed_environment=["PATH"]')
        report(f"{rounds} runs on the stack of make run, {CLIENTS} at a time", [*figures(stack, rounds)])


def figures(stack: Laptop, rounds: int) -> Iterator[Figure]:
    """Yield the median and the 99th percentile of what follows the end of a command."""
    with ThreadPoolExecutor(CLIENTS) as clients:
        found = list(clients.map(lambda _: one_run(stack), range(rounds)))
    arrived = arrivals(stack, len(found))
    seen = sorted(success - ended for _, ended, success in found)
    told = sorted(arrived[run] - ended for run, ended, _ in found)
    for name, values in (("success in the API", seen), ("the webhook", told)):
        yield Figure(f"exit to {name}, median", percentile(values, 50), "s", SUCCESS_MEDIAN)
        yield Figure(f"exit to {name}, p99", percentile(values, 99), "s", SUCCESS_P99)


def one_run(stack: Laptop) -> tuple[str, float, float]:
    """Run a job of its own once; return the run, when its command ended and when the API said success."""
    client = Client(stack.session)
    hook = f"{stack.session['inbox']['webhook_url']}/pulses"
    job = stack.create_job(
        client, environment={"PATH": str(command(stack.home))}, webhook_enabled=True, webhook_url=hook
    )
    # A random wait, so that ends do not follow the rhythm of the passes.
    time.sleep(random.random())  # noqa: S311
    run = client.call("POST", f"{stack.jobs}/{job['id']}/trigger")["job_run_id"]
    until(lambda: client.call("GET", f"/runs/{run}")["status"] == "success", stack.process)
    success = time.time()
    ended = float(client.call("GET", f"/runs/{run}/logs")["logs"].split()[-1])
    return run, ended, success


def arrivals(stack: Laptop, runs: int) -> dict[str, float]:
    """Return when the webhook of each run's success arrived in the inbox."""

    def messages() -> dict[str, float] | None:
        with urlopen(f"{stack.session['inbox']['url']}/messages") as answer:  # noqa: S310 - it is http
            kept: list[dict[str, Any]] = json.load(answer)["messages"]
        found = {
            one["body"]["data"]["run"]["id"]: datetime.fromisoformat(one["received_at"]).timestamp()
            for one in kept
            if one["kind"] == "webhook" and one["body"]["type"] == "run.success"
        }
        return found if len(found) >= runs else None

    return until(messages, stack.process)


def percentile(values: list[float], percent: int) -> float:
    """Return the value that so many of a hundred do not exceed; they are sorted."""
    return values[max(0, -(-len(values) * percent // 100) - 1)]


def command(home: Path) -> Path:
    """Return the folder of a `dbt` that prints when it ends."""
    folder = home / "timed"
    program = folder / "dbt"
    if not program.exists():
        folder.mkdir(exist_ok=True)
        written = folder / f"dbt.{next(_numbers)}"
        written.write_text(COMMAND)
        written.chmod(0o755)
        written.rename(program)
    return folder


_numbers = count()


def simulate(jobs: int = 1000) -> None:
    """Print passes and calls of an hour."""
    from pytest import MonkeyPatch  # noqa: PLC0415, PT013

    fast_aws()
    from tests.reliability.pulsing import Pulsing  # noqa: PLC0415
    from tests.reliability.world import World  # noqa: PLC0415

    for name, number in (("nothing runs", 0), (f"{jobs:,} hourly jobs", jobs)):
        with MonkeyPatch.context() as monkeypatch:
            pulsing = Pulsing(World(monkeypatch), monkeypatch)
            for at in range(number):
                schedule = f"{at % 60} * * * *"
                pulsing.world.create(f"job {at}", "dbt run --select slow", schedule=schedule)
            pulsing.live(minutes=SETTLED_MINUTES)
            calls = count_calls(monkeypatch)
            pulsing.passes.clear()
            pulsing.live(hours=1)
            rows = [Figure("passes", len(pulsing.passes), "an hour")]
            rows += [Figure(call, times, "an hour") for call, times in sorted(calls.items())]
            report(f"An hour of an organization: {name}", rows)


def fast_aws() -> None:
    """Start the laptop's AWS in this process, until it ends: moto takes seconds for a query of 1,000 jobs' partition.

    It must exist before the store is imported. Its clients make requests, so that their calls can be counted.
    """
    import botocore.handlers  # noqa: PLC0415

    from local import usage_plans  # noqa: PLC0415
    from local.emulator.emulator import Emulator  # noqa: PLC0415
    from local.template import read  # noqa: PLC0415

    folder = TemporaryDirectory()
    atexit.register(folder.cleanup)
    template = read(ROOT / "template.yaml", cache=ROOT / ".local" / "cache")
    aws = Emulator(template, Path(folder.name) / "store")
    aws.__enter__()
    aws.transport.remove()
    botocore.handlers.BUILTIN_HANDLERS.append(("before-send", aws.transport))
    os.environ.update(usage_plans.emulated(aws.services.api_gateway, template).environment())


def count_calls(monkeypatch: Any) -> Counter[str]:
    """Return a counter of all later calls to AWS and the cluster."""
    from jobs_api.cluster.connection import Connection  # noqa: PLC0415
    from tests.calls_to_aws import Call, intercept_aws  # noqa: PLC0415

    calls: Counter[str] = Counter()
    ask_cluster = Connection._request  # noqa: SLF001

    def aws(call: Call) -> Any:
        calls[f"{call.service} {call.operation}"] += 1
        return call.make()

    def cluster(self: Any, method: str, *more: Any, **named: Any) -> Any:
        calls[f"cluster {method}"] += 1
        return ask_cluster(self, method, *more, **named)

    intercept_aws(monkeypatch, aws)
    monkeypatch.setattr(Connection, "_request", cluster)
    return calls


if __name__ == "__main__":
    if sys.argv[1:2] == ["simulate"]:
        simulate(*map(int, sys.argv[2:]))
    else:
        main(*map(int, sys.argv[1:]))
