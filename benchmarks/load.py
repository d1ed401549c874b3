"""Sync, ingest and the pulses of many organizations at growing sizes, and where time stops growing linearly.

    python -m benchmarks.load [organizations]

`n^1.0` beside a row is linear growth between the two largest sizes. At sizes below the smallest, connecting and
importing take most of the time.
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
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measure import Figure, report, seconds
from benchmarks.measured_service import outside
from local.kubernetes_api import KubernetesApi

SIZES = (100, 1_000, 5_000)
JOBS_EACH = 5
# PulseConcurrency of template.yaml.
AT_ONCE = 5


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
    command = [sys.executable, "-m", "benchmarks.load", "pulses", str(organizations)]
    with outside() as environment:
        found = json.loads(subprocess.check_output(command, env=environment))
    print_pulses(organizations, found)


def apart(benchmark: str, size: int) -> dict[str, Any]:
    """Return a benchmark's figures at a size, from a new process, since a process has only one AWS."""
    command = [sys.executable, "-m", f"benchmarks.{benchmark}", "json", str(size)]
    found: dict[str, Any] = json.loads(subprocess.check_output(command))
    return found


def grid(title: str, rows: dict[str, Sequence[float]]) -> None:
    """Print rows of figures, one column for each size, and how the last step grew."""
    print(f"\n{title}", f"  {'':<46}{''.join(f'{size:>10,}' for size in SIZES)}    grows", sep="\n")
    for name, values in rows.items():
        power = math.log(values[-1] / values[-2]) / math.log(SIZES[-1] / SIZES[-2])
        print(f"  {name:<46}{''.join(f'{value:>10,.2f}' for value in values)}    n^{power:.2f}", flush=True)


def print_pulses(organizations: int, found: dict[str, Any]) -> None:
    """Print the cost of a tick, and how many concurrent passes organizations need if all have open runs."""
    figures = [Figure("restore_pulses, one tick", found["restore"], "s")]
    for name in ("sync", "ingest"):
        figures += [Figure(f"{name}, the slowest organization", max(found[name]), "s")]
        figures += [Figure(f"{name}, all organizations", sum(found[name]), "s")]
    often, seldom = found["pulse_seconds"], found["idle_pulse_seconds"]
    busy = sum(ingest / (often + ingest) for ingest in found["ingest"]) + sum(found["sync"]) / seldom
    figures += [Figure("busy at once", busy, "", budget=found["at_once"])]
    report(
        f"{organizations} organizations with {JOBS_EACH} jobs each and an open run",
        figures,
        f"busy at once: an ingest every {often} s after the last, a sync every {seldom} s; budget: PulseConcurrency",
    )


def pulses(organizations: int) -> None:
    """Make organizations and their passes in this process; print the time of the passes."""
    from tests.functions import passes  # noqa: PLC0415 - the store reads the tables' names when it is imported
    from tests.functions.people import Context  # noqa: PLC0415

    api = KubernetesApi(Path(os.environ["JOBS_API_KUBECONFIG"]))
    found: dict[str, Any] = {name: int(os.environ[name.upper()]) for name in ("pulse_seconds", "idle_pulse_seconds")}
    found["at_once"] = AT_ONCE
    restore: Callable[..., Any] = importlib.import_module("functions.restore_pulses.app").lambda_handler
    with contextlib.redirect_stdout(sys.stderr):
        names = [make_organization(api) for _ in range(organizations)]
        found["restore"] = seconds(lambda: restore({}, Context()))
        made: dict[str, Callable[[str], object]] = {"sync": passes.sync, "ingest": passes.ingest}
        for name, one in made.items():
            # The first pass creates objects, so it is not like later ones.
            for _ in range(2):
                found[name] = [seconds(partial(one, organization)) for organization in names]
    print(json.dumps(found))


def make_organization(api: KubernetesApi) -> str:
    """Write an organization with a project of some jobs, and its namespace."""
    from jobs_api import store  # noqa: PLC0415 - as above
    from jobs_api.ids import new_id  # noqa: PLC0415
    from jobs_api.model.commands import ProjectType  # noqa: PLC0415
    from jobs_api.model.job import Job  # noqa: PLC0415
    from jobs_api.model.job_settings import JobSettings  # noqa: PLC0415
    from tests.functions.people import new_organization, new_project  # noqa: PLC0415

    organization = new_organization("bench").id
    api.create("/api/v1/namespaces", {"metadata": {"name": organization}})
    project = new_project(organization, "bench", ProjectType.DBT)
    for number in range(JOBS_EACH):
        document = {"name": f"job {number}", "command": "dbt build", "schedule": "0 0 1 1 *"}
        store.create_job(Job.new(new_id("job_"), JobSettings.of(document, project), project, datetime.now(UTC)))
    return organization


if __name__ == "__main__":
    if sys.argv[1:2] == ["pulses"]:
        pulses(int(sys.argv[2]))
    else:
        main(*map(int, sys.argv[1:]))
