"""Sync, ingest and a minute of many organizations, as they grow; and where they stop growing in step.

    python -m benchmarks.load [organizations]

`n^1.0` beside a row is linear growth between the two largest sizes. Below the smallest, connecting and importing are
most of it.
"""

import contextlib
import importlib
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measure import Figure, report, seconds
from benchmarks.measured_service import outside
from local.kubernetes_api import KubernetesApi

SIZES = (100, 1_000, 5_000)
JOBS_EACH = 5
# What template.yaml reserves for each of the two functions.
RESERVED = 20
BUSINESS = {"sync_cronjobs": "sync", "ingest_runs": "ingest"}


def main(organizations: int = 200) -> None:
    """Measure each size, then the organizations."""
    syncs = [apart("sync_5000", size) for size in SIZES]
    grid(
        "Sync, by the number of CronJobs",
        {
            "the first of all, creates all, s": [found["first"] for found in syncs],
            "the first in a new process, compares all, s": [found["cold"] for found in syncs],
            "when all match, s": [median(found["totals"]) for found in syncs],
            "  of it outside DynamoDB, s": [median(found["syncs"]) for found in syncs],
            "the bare listing, s": [median(found["listings"]) for found in syncs],
            "list calls": [found["list_calls"] for found in syncs],
            "peak memory, MiB": [found["peak_mib"] for found in syncs],
        },
    )
    ingests = [apart("ingest_1000", size) for size in SIZES]
    grid(
        "Ingest, by the number of Jobs that finished at once",
        {
            "first pass, s": [found["first"] for found in ingests],
            "the same pass again, s": [found["again"] for found in ingests],
            "peak memory, MiB": [found["peak_mib"] for found in ingests],
        },
    )
    command = [sys.executable, "-m", "benchmarks.load", "minute", str(organizations)]
    with outside() as environment:
        found = json.loads(subprocess.check_output(command, env=environment))
    print_minute(organizations, found)


def apart(benchmark: str, size: int) -> dict[str, Any]:
    """Return what a benchmark finds at a size; each with an AWS of its own, of which a process has one."""
    command = [sys.executable, "-m", f"benchmarks.{benchmark}", "json", str(size)]
    found: dict[str, Any] = json.loads(subprocess.check_output(command))
    return found


def grid(title: str, rows: dict[str, Sequence[float]]) -> None:
    """Print rows of figures, one column for each size, and how the last step grew."""
    print(f"\n{title}", f"  {'':<46}{''.join(f'{size:>10,}' for size in SIZES)}    grows", sep="\n")
    for name, values in rows.items():
        power = math.log(values[-1] / values[-2]) / math.log(SIZES[-1] / SIZES[-2])
        print(f"  {name:<46}{''.join(f'{value:>10,.2f}' for value in values)}    n^{power:.2f}", flush=True)


def print_minute(organizations: int, found: dict[str, Any]) -> None:
    """Print what a tick of all organizations costs, and how many functions at once a minute of ticks keeps busy."""
    ticks = found["ticks_per_minute"]
    figures = [Figure("dispatch_ticks, one tick", found["dispatch"], "s")]
    for function, name in BUSINESS.items():
        taken = found[function]
        figures += [
            Figure(f"{name}, the slowest organization", max(taken), "s"),
            Figure(f"{name}, all organizations", sum(taken), "s"),
            Figure(f"{name}, busy at once", sum(taken) * ticks / 60, "", budget=RESERVED),
        ]
    report(
        f"A minute of {organizations} organizations with {JOBS_EACH} jobs each",
        figures,
        f"busy at once: the seconds of all organizations, {ticks} ticks in 60 seconds, one function at work on each",
    )


def minute(organizations: int) -> None:
    """Make organizations, and let each be looked at as a tick does, in this process; print what it took."""
    from tests.functions.people import Context  # noqa: PLC0415 - the store reads the tables' names when it is imported

    ticks = os.environ["TICKS_PER_MINUTE"]
    api = KubernetesApi(Path(os.environ["JOBS_API_KUBECONFIG"]))
    found: dict[str, Any] = {"ticks_per_minute": int(ticks)}
    with contextlib.redirect_stdout(sys.stderr):
        names = [make_organization(api) for _ in range(organizations)]
        os.environ["TICKS_PER_MINUTE"] = "1"
        found["dispatch"] = seconds(lambda: handler("dispatch_ticks")({}, Context()))
        for function in BUSINESS:
            # The first tick makes what is to be there, and is none like the others.
            for _ in range(2):
                found[function] = [tick_seconds(function, name) for name in names]
    print(json.dumps(found))


def tick_seconds(function: str, organization: str) -> float:
    """Return how long a function looks at an organization."""
    from tests.functions.people import Context  # noqa: PLC0415 - as above

    return seconds(lambda: handler(function)({"detail": {"organization_id": organization}}, Context()))


def make_organization(api: KubernetesApi) -> str:
    """Write an organization with a project of some jobs, and its namespace."""
    from jobs_api import store  # noqa: PLC0415 - as above
    from jobs_api.ids import new_id  # noqa: PLC0415
    from jobs_api.model.commands import ProjectType  # noqa: PLC0415
    from jobs_api.model.job import Job, JobSettings  # noqa: PLC0415
    from tests.functions.people import new_organization, new_project  # noqa: PLC0415

    organization = new_organization("bench").id
    api.create("/api/v1/namespaces", {"metadata": {"name": organization}})
    project = new_project(organization, "bench", ProjectType.DBT)
    for number in range(JOBS_EACH):
        document = {"name": f"job {number}", "command": "dbt build", "schedule": "0 0 1 1 *"}
        store.create_job(Job.new(new_id("job_"), JobSettings.of(document, project), project, datetime.now(UTC)))
    return organization


def handler(function: str) -> Callable[..., Any]:
    """Return a function's handler."""
    found: Callable[..., Any] = importlib.import_module(f"functions.{function}.app").lambda_handler
    return found


if __name__ == "__main__":
    if sys.argv[1:2] == ["minute"]:
        minute(int(sys.argv[2]))
    else:
        main(*map(int, sys.argv[1:]))
