"""An ingest of 3 open Jobs in a cluster that keeps 5,000 ended ones, in a new process.

    python -m benchmarks.kept_jobs [count]

It is compared with only listing the 3 Jobs, and with only listing all Jobs, which every pass would need if ended Jobs
had no label. Then the daily check of all labelled Jobs against their runs is measured. AWS is moto over HTTP, whose
time says nothing about DynamoDB's; so its calls are counted, and their time is subtracted. Jobs are suspended, so that
no Pod is made.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

from benchmarks.aws_and_cluster import aws_and_cluster
from benchmarks.measure import Call, Figure, recorded_calls, report, seconds
from benchmarks.sync_5000 import peak_mib
from local.kubernetes_api import KubernetesApi

OPEN = 3
RATIO = 5.0


def main(count: int = 5000) -> None:
    """Print the figures of one size."""
    found = measured(count)
    figures = [
        Figure("requests to the cluster", found["requests"], "", budget=2),
        Figure("kilobytes of lists", found["bytes"] / 1000, "", budget=30),
        Figure("calls to DynamoDB", found["table_calls"], "", budget=5),
        Figure("the bare listing of the open ones", found["listing"], "s"),
        Figure("the pass without DynamoDB, cold", found["cold"], "s"),
        Figure("the same, warm", found["warm"], "s", budget=max(RATIO * found["listing"], 0.1)),
        Figure("the bare listing of all", found["all"], "s"),
        Figure("kilobytes of that", found["all_bytes"] / 1000, ""),
        Figure("the check of all, once a day", found["check"], "s"),
        Figure("its requests to the cluster", found["check_requests"], ""),
        Figure("its calls to DynamoDB", found["check_table_calls"], ""),
        Figure("peak memory", found["peak_mib"], "MiB"),
    ]
    report(f"A pass over {OPEN} open Jobs beside {count:,} ended ones", figures)


def measured(count: int) -> dict[str, Any]:
    """Make the Jobs and their runs, and have another process pass over them."""
    with aws_and_cluster() as (kubeconfig, environment):
        organization = make(count, KubernetesApi(kubeconfig))
        command = [sys.executable, "-m", "benchmarks.kept_jobs", "measure", organization]
        found: dict[str, Any] = json.loads(subprocess.check_output(command, env=environment))
        return found


def make(count: int, api: KubernetesApi) -> str:
    """Make an organization with `count` labelled Jobs whose runs have ended, and open ones; return its id."""
    # The store reads the names of the tables when it is imported.
    from jobs_api import cluster as clusters  # noqa: PLC0415
    from jobs_api.ids import new_id  # noqa: PLC0415
    from jobs_api.k8s import manifests, run_identity  # noqa: PLC0415
    from jobs_api.model.actor import Actor  # noqa: PLC0415
    from jobs_api.model.audit import WrittenBy  # noqa: PLC0415
    from jobs_api.model.commands import ProjectType  # noqa: PLC0415
    from jobs_api.model.job import Job  # noqa: PLC0415
    from jobs_api.model.job_settings import JobSettings  # noqa: PLC0415
    from jobs_api.model.run import RunStatus  # noqa: PLC0415
    from jobs_api.store import run_items  # noqa: PLC0415
    from jobs_api.store.run_rows import RunRow  # noqa: PLC0415
    from jobs_api.trigger.request import manual_run  # noqa: PLC0415
    from tests.functions.people import new_organization, new_project  # noqa: PLC0415

    organization = new_organization("bench")
    api.create("/api/v1/namespaces", {"metadata": {"name": organization.id}})
    project = new_project(organization.id, "bench", ProjectType.DBT)
    document = {"name": "job", "command": "dbt build", "schedule": "0 0 1 1 *"}
    job = Job.new(new_id("job_"), JobSettings.of(document, project), project, datetime.now(UTC))
    connected = clusters.connect(organization)
    by = WrittenBy(actor=Actor(token_id="bench"), at=datetime.now(UTC), request_id="bench")  # noqa: S106 - no secret
    with RunRow.batch_write() as rows:
        for number in range(count + OPEN):
            run_id = new_id("run_")
            made = manifests.job(project, job, run_id, f"job-{number}", "dbt build")
            made["spec"]["suspend"] = True
            stored = connected.create_job(run_identity.labelled(made, settled=number < count))
            run = manual_run(run_id, "dbt build", job, project, None, by)
            status = RunStatus.SUCCESS if number < count else RunStatus.PENDING
            told = {"job_name": f"job-{number}", "job_uid": stored["metadata"]["uid"], "status": status, "launch": None}
            rows.save(run_items.new_row(run.model_copy(update=told)))  # a write for each would take minutes
    return organization.id


def measure(organization_id: str) -> None:
    """Pass and list in this process; print what was found."""
    from jobs_api import cluster as clusters  # noqa: PLC0415
    from jobs_api import store  # noqa: PLC0415
    from jobs_api.cluster.lists import Lists  # noqa: PLC0415
    from jobs_api.ingest.ingester import Pass  # noqa: PLC0415
    from jobs_api.k8s import labels  # noqa: PLC0415

    sizes: list[int] = []
    write_to_file = Lists._write_to_file  # noqa: SLF001

    def recording(self: Lists, path: str, query: dict[str, Any], accept: str, body: Any) -> None:
        write_to_file(self, path, query, accept, body)
        sizes.append(body.seek(0, os.SEEK_END))
        body.seek(0)

    def ingest() -> None:
        organization = store.get_organization(organization_id)
        made = Pass(organization, clusters.connect(organization), lambda: datetime.now(UTC) + timedelta(seconds=1))
        made.run()
        assert made.jobs == OPEN

    def listing(selector: str, *, cached: bool) -> int:
        connected = clusters.connect(store.recent_organization(organization_id))
        return sum(len(page) for page in connected.list_jobs(organization_id, selector, cached=cached))

    found: dict[str, Any] = {}
    with (
        recorded_calls() as calls,
        mock.patch.object(Lists, "_write_to_file", recording),
        contextlib.redirect_stdout(sys.stderr),
    ):
        store.record_settled_jobs_checked(organization_id, datetime.now(UTC))
        calls.clear()
        found["cold"] = seconds(ingest) - _in_aws(calls)
        found["peak_mib"] = peak_mib()
        calls.clear()
        sizes.clear()
        found["warm"] = seconds(ingest) - _in_aws(calls)
        found["requests"], found["table_calls"], found["bytes"] = _of_cluster(calls), _of_aws(calls), sum(sizes)
        found["listing"] = seconds(lambda: listing(labels.unsettled_selector({}), cached=True))
        sizes.clear()
        found["all"] = seconds(lambda: listing(labels.selector({}), cached=False))
        found["all_bytes"] = sum(sizes)
        store.record_settled_jobs_checked(organization_id, None)
        calls.clear()
        found["check"] = seconds(ingest) - _in_aws(calls)
        found["check_requests"], found["check_table_calls"] = _of_cluster(calls), _of_aws(calls)
    print(json.dumps(found))


def _in_aws(calls: Iterable[Call]) -> float:
    return sum(call.seconds for call in calls if " " not in call.name)


def _of_aws(calls: Iterable[Call]) -> int:
    return sum(" " not in call.name for call in calls)


def _of_cluster(calls: Iterable[Call]) -> int:
    return sum(" " in call.name for call in calls)


if __name__ == "__main__":
    if sys.argv[1:2] == ["json"]:
        print(json.dumps(measured(int(sys.argv[2]))))
    elif sys.argv[1:2] == ["measure"]:
        measure(sys.argv[2])
    else:
        main(*map(int, sys.argv[1:]))
