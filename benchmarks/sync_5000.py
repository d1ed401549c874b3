"""A sync of 5,000 CronJobs that need no change, compared with only listing them.

    python -m benchmarks.sync_5000 [count]

A first sync makes the CronJobs. Then another process, as small as a function's, syncs and lists in turn. The budget is
for the sync without reading the jobs from DynamoDB (moto's time says nothing about that), and for the process' peak
memory. The first sync of that process is cold: its caches are empty, and it imports modules. The embedded cluster's
objects have no `managedFields`, which are metadata: a list of metadata is larger on a real one, as is the list of whole
objects.
"""

import contextlib
import json
import resource
import subprocess
import sys
from datetime import UTC, datetime
from statistics import median
from typing import Any

from benchmarks.aws_and_cluster import aws_and_cluster
from benchmarks.measure import Figure, recorded_calls, report, seconds
from local.kubernetes_api import KubernetesApi

LIST_CALLS = 1
RATIO = 1.5
MEMORY_MIB = 256.0
ROUNDS = 3


def main(count: int = 5000) -> None:
    """Print the figures of one size."""
    found = measured(count)
    listing = median(found["listings"])
    figures = [
        Figure("list calls", found["list_calls"], "", budget=LIST_CALLS),
        Figure("writes, to the cluster or the tables", found["writes"], "", budget=0),
        Figure("the bare listing", listing, "s"),
        Figure("sync without its calls to DynamoDB", median(found["syncs"]), "s", budget=RATIO * listing),
        Figure("sync in all", median(found["totals"]), "s"),
        Figure("peak memory", found["peak_mib"], "MiB", budget=MEMORY_MIB),
        Figure("the first in a new process, without DynamoDB", found["cold_own"], "s"),
        Figure("the first in a new process", found["cold"], "s"),
        Figure("its list calls", found["cold_list_calls"], "", budget=LIST_CALLS),
        Figure("its reads of single CronJobs", found["cold_reads"], "", budget=0),
        Figure("the first of all, creates all", found["first"], "s"),
    ]
    report(f"Sync of {count:,} CronJobs that match, median of {ROUNDS}", figures)


def measured(count: int) -> dict[str, Any]:
    """Make the jobs; one process creates their CronJobs, and another finds that they need no change."""
    with aws_and_cluster() as (kubeconfig, environment):
        organization = make_jobs(count, KubernetesApi(kubeconfig))

        def ask(step: str) -> Any:
            command = [sys.executable, "-m", "benchmarks.sync_5000", step, organization]
            return json.loads(subprocess.check_output(command, env=environment))

        return {"first": ask("first"), **ask("measure")}


def make_jobs(count: int, api: KubernetesApi) -> str:
    """Write the jobs of one project straight into the table, and return the organization."""
    # The store reads the names of the tables when it is imported.
    from jobs_api.ids import new_id  # noqa: PLC0415
    from jobs_api.model.commands import ProjectType  # noqa: PLC0415
    from jobs_api.model.job import Job  # noqa: PLC0415
    from jobs_api.model.job_settings import JobSettings  # noqa: PLC0415
    from jobs_api.store import job_items  # noqa: PLC0415
    from jobs_api.store.project_rows import JobRow  # noqa: PLC0415
    from tests.functions.people import new_organization, new_project  # noqa: PLC0415

    organization = new_organization("bench").id
    api.create("/api/v1/namespaces", {"metadata": {"name": organization}})
    project = new_project(organization, "bench", ProjectType.DBT)
    with JobRow.batch_write() as rows:
        for number in range(count):
            document = {"name": f"job {number}", "command": "dbt build", "schedule": "0 0 1 1 *"}
            job = Job.new(new_id("job_"), JobSettings.of(document, project), project, datetime.now(UTC))
            rows.save(job_items.row_of_job(job))
    return organization


def sync(organization: str) -> None:
    """Sync everything, as a pass does."""
    from tests.functions import passes  # noqa: PLC0415

    passes.sync(organization)


def first(organization: str) -> None:
    """Create all CronJobs, in this process; print how long that took."""
    with contextlib.redirect_stdout(sys.stderr):  # a function's log lines are not results of the benchmark
        taken = seconds(lambda: sync(organization))
    print(json.dumps(taken))


def measure(organization: str) -> None:
    """Sync and list in turn, in this process; print the figures."""
    from jobs_api import cluster as clusters  # noqa: PLC0415
    from jobs_api import store  # noqa: PLC0415
    from jobs_api.k8s import labels  # noqa: PLC0415

    def listing() -> None:
        connected = clusters.connect(store.recent_organization(organization))
        for _ in connected.list_cronjobs(organization, labels.selector({})):
            pass

    totals, syncs, listings = [], [], []
    with recorded_calls() as calls, contextlib.redirect_stdout(sys.stderr):
        cold = seconds(lambda: sync(organization))  # connects, and imports what is imported on first use
        made = [*calls]
        cold_own = cold - sum(call.seconds for call in made if " " not in call.name)
        names = [call.name for call in made]
        cold_list_calls, cold_reads = names.count("GET cronjobs"), names.count("GET cronjobs/{name}")
        peak = peak_mib()
        for _ in range(ROUNDS):
            calls.clear()
            totals.append(seconds(lambda: sync(organization)))
            made = [*calls]
            syncs.append(totals[-1] - sum(call.seconds for call in made if " " not in call.name))
            listings.append(seconds(listing))
    names = [call.name for call in made]
    reads = ("GET", "Get", "BatchGet", "Query")
    found = {
        "list_calls": names.count("GET cronjobs"),
        "writes": len([name for name in names if not name.startswith(reads)]),
        "totals": totals,
        "syncs": syncs,
        "listings": listings,
        "cold": cold,
        "cold_own": cold_own,
        "cold_list_calls": cold_list_calls,
        "cold_reads": cold_reads,
        "peak_mib": peak,
    }
    print(json.dumps(found))


def peak_mib() -> float:
    """Return the most memory that this process has had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    if sys.argv[1:2] == ["json"]:
        print(json.dumps(measured(int(sys.argv[2]))))
    elif sys.argv[1:2] == ["first"]:
        first(sys.argv[2])
    elif sys.argv[1:2] == ["measure"]:
        measure(sys.argv[2])
    else:
        main(*map(int, sys.argv[1:]))
