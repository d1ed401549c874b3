"""An ingest of 1,000 finished Jobs whose pods have logs of 100 lines, and the pass after it that finds nothing new.

    python -m benchmarks.ingest_1000 [count]

A process as small as a function's ingests. AWS is moto over HTTP, in another process. JSON texts that are parsed like
answers replace the cluster, because 1,000 real pods would take most of the time.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from benchmarks.measure import ROOT, Figure, recorded_calls, report, seconds
from benchmarks.sync_5000 import peak_mib
from local.template import read
from tests.fast_moto.aws import LocalAws

SECONDS = 60.0
MEMORY_MIB = 512.0
PAGE = 500
LOG = "".join(f"02:00:01  {n} of 100 OK created sql table model main.model_{n:03} [OK in 0.01s]\n" for n in range(100))
# The time of a round trip to an API server in the same region.
ROUND_TRIP_SECONDS = 0.005

# A managedFields entry, so that the objects have their usual size.
MANAGED = [{"manager": "m", "operation": "Update", "fieldsV1": {f"f:{n}": {"f:name": {}} for n in range(40)}}]


def main(count: int = 1000) -> None:
    """Print the figures of one size."""
    found = measured(count)
    figures = [
        Figure("first pass", found["first"], "s", budget=SECONDS * count / 1000),
        Figure("runs with their logs, per second", count / found["first"], ""),
        Figure("the same pass again", found["again"], "s"),
        Figure("calls to AWS that write, the second time", found["writes"], "", budget=0),
        Figure("peak memory", found["peak_mib"], "MiB", budget=MEMORY_MIB),
    ]
    report(f"Ingest of {count:,} finished Jobs with logs of 100 lines", figures)


def measured(count: int) -> dict[str, Any]:
    """Start AWS, and ingest in another process."""
    with LocalAws(read(ROOT / "template.yaml", cache=ROOT / ".local" / "cache")) as aws:
        environment = {**os.environ, **aws.environment(), "POWERTOOLS_LOG_LEVEL": "CRITICAL"}
        command = [sys.executable, "-m", "benchmarks.ingest_1000", "measure", str(count)]
        found: dict[str, Any] = json.loads(subprocess.check_output(command, env=environment))
        return found


class StandIn:
    """Answers the calls of a pass, as a cluster with many finished Jobs would."""

    def __init__(self, organization: str, count: int) -> None:
        """Answer with so many Jobs of an organization."""
        self._organization = organization
        self._count = count
        self._labelled: set[str] = set()

    def list_jobs(self, _: str, __: str, **___: object) -> Iterator[list[dict[str, Any]]]:
        """Return the Jobs without the label in pages, as the client does."""
        for first in range(0, self._count, PAGE):
            numbers = range(first, min(first + PAGE, self._count))
            texts = [json.dumps(self._job(n)) for n in numbers if f"uid-{n}" not in self._labelled]
            page = f"[{','.join(texts)}]"
            del texts
            time.sleep(ROUND_TRIP_SECONDS)
            yield json.loads(page)

    def list_job_metadata(self, _: str, __: str, **___: object) -> Iterator[list[dict[str, Any]]]:
        """Return no Jobs: the first pass searches for Jobs with a wrong label."""
        yield from ()

    def replace_job(self, job: dict[str, Any]) -> dict[str, Any]:
        """Accept a label."""
        time.sleep(ROUND_TRIP_SECONDS)
        self._labelled.add(json.loads(json.dumps(job))["metadata"]["uid"])
        return job

    def pods_of(self, _: str, wanted: Iterable[str]) -> dict[str, Any]:
        """Return a pod for each Job."""
        uids = list(wanted)
        time.sleep(ROUND_TRIP_SECONDS * len(uids) / 50)
        return {uid: json.loads(json.dumps(self._pod(uid))) for uid in uids}

    def stream_log(self, _: str, __: str, **___: object) -> Iterator[bytes]:
        """Yield the log."""
        time.sleep(ROUND_TRIP_SECONDS)
        yield LOG.encode()

    def log_begins(self, _: str, __: str) -> str:
        """Return the time of the log's first line."""
        from tests.objects import at  # noqa: PLC0415 - as below

        time.sleep(ROUND_TRIP_SECONDS)
        return at(4)

    def _job(self, number: int) -> dict[str, Any]:
        from tests.objects import complete  # noqa: PLC0415 - its imports want the environment

        job = complete()
        labels = {**job["metadata"]["labels"], "jobs-api.dev/organization": self._organization}
        told = {"name": f"jaffle-nightly-{number}", "namespace": self._organization, "uid": f"uid-{number}"}
        metadata = {**job["metadata"], **told, "labels": labels, "managedFields": MANAGED}
        return {**job, "metadata": metadata}

    def _pod(self, uid: str) -> dict[str, Any]:
        from tests.objects import ended, pod  # noqa: PLC0415 - as above

        found = pod(ended(0), phase="Succeeded")
        name = re.sub("uid", "jaffle-nightly", uid)
        return {**found, "metadata": {**found["metadata"], "name": name, "managedFields": MANAGED}}


def measure(count: int) -> None:
    """Ingest twice in this process; print the figures."""
    from jobs_api import store  # noqa: PLC0415 - it reads the tables' names when it is imported
    from jobs_api.ingest.ingester import Pass  # noqa: PLC0415
    from tests.functions.people import new_organization  # noqa: PLC0415

    organization = new_organization("bench")
    cluster: Any = StandIn(organization.id, count)

    def ingest(jobs: int) -> None:
        made = Pass(store.get_organization(organization.id), cluster, lambda: datetime.now(UTC))
        made.run()
        assert made.jobs == jobs

    with recorded_calls() as calls, contextlib.redirect_stdout(sys.stderr):
        first = seconds(lambda: ingest(count))
        peak = peak_mib()
        calls.clear()
        again = seconds(lambda: ingest(0))
    writes = len([call for call in calls if not call.name.startswith(("Get", "BatchGet", "Query"))])
    print(json.dumps({"first": first, "again": again, "writes": writes, "peak_mib": peak}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["json"]:
        print(json.dumps(measured(int(sys.argv[2]))))
    elif sys.argv[1:2] == ["measure"]:
        measure(int(sys.argv[2]))
    else:
        main(*map(int, sys.argv[1:]))
