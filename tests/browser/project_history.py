"""A project with a history: requests make its jobs; runs, logs and results are written to the store directly."""

import json
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from jobs_api.ids import new_id
from jobs_api.logs.archive import store_log
from jobs_api.model.results import NodeResult, ResultCounts, RunResults
from jobs_api.model.run import Run, RunStatus, TriggeredBy
from jobs_api.store.run_items import new_row
from jobs_api.store.run_rows import RunRow
from tests.separate_results import store_results

type Document = dict[str, Any]

THREADS = 4


def call(url: str, token: str, method: str, path: str, body: Document | None = None) -> Document:
    """Call the API; `path` begins after /api/v1."""
    request = urllib.request.Request(  # noqa: S310 - the address is the test's own service
        f"{url}/api/v1{path}",
        method=method,
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        data=None if body is None else json.dumps(body).encode(),
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - see above
        content: Document = json.load(answer)
    return content


def nodes_of(count: int, began: datetime, *, failed: int = 0, skipped: int = 0) -> list[NodeResult]:
    """Return what so many models did, four at a time; the seventh took the longest."""
    free = [began] * THREADS
    nodes: list[NodeResult] = []
    for number in range(count):
        status = "error" if number >= count - failed else "skipped" if number >= count - failed - skipped else "success"
        seconds = 48.0 if number == 6 else 1.0 + (number * 7 % 11)
        thread = free.index(min(free))
        told: Document = {} if status == "skipped" else {"seconds": seconds, "started_at": free[thread]}
        message = "Database Error: column region does not exist" if status == "error" else None
        nodes.append(
            NodeResult.model_validate(
                {"name": f"model_{number:03}", "resource_type": "model", "status": status, "message": message, **told}
                | ({"rows": number * 1000} if status == "success" else {})
            )
        )
        if told:
            free[thread] += timedelta(seconds=seconds)
    return nodes


@dataclass(frozen=True)
class Past:
    """Makes the past of one project of a service."""

    url: str
    token: str
    organization_id: str
    project_id: str

    def job(self, name: str, **fields: Any) -> Document:
        """Make a job, by a request."""
        body = {"name": name, "command": "dbt build", "schedule": "0 2 * * *", **fields}
        return call(self.url, self.token, "POST", f"/projects/{self.project_id}/jobs", body)

    def change(self, job: Document, **fields: Any) -> Document:
        """Change a job, by a request."""
        return call(self.url, self.token, "PUT", f"/projects/{self.project_id}/jobs/{job['id']}", fields)

    def run(
        self,
        job: Document,
        status: str = "success",
        *,
        ago: timedelta = timedelta(hours=1),
        seconds: float = 60,
        log: str | None = None,
        nodes: Sequence[NodeResult] = (),
        **told: Any,
    ) -> Run:
        """Return a run of a job that began so long ago; its log and its results are stored, the run itself is not."""
        began = datetime.now(UTC).replace(microsecond=0) - ago
        ended = began + timedelta(seconds=seconds)
        is_open = status in {"pending", "running"}
        run_id = new_id("run_")
        run = Run(
            id=run_id,
            organization_id=self.organization_id,
            project_id=self.project_id,
            job_id=job["id"],
            job_name=f"{job['cronjob_name']}-{run_id[4:10]}",
            cronjob_name=job["cronjob_name"],
            namespace=self.organization_id,
            job_type=job["command"].split()[1],
            status=RunStatus(status),
            triggered_by=TriggeredBy.SCHEDULED,
            command=job["command"],
            start_time=None if status == "pending" else began,
            end_time=None if is_open else ended,
            duration_seconds=None if is_open else seconds,
            created_at=began,
            updated_at=began if is_open else ended,
        ).model_copy(update=told)
        if nodes:
            counts = {name: sum(node.status == name for node in nodes) for name in ResultCounts.model_fields}
            run = run.model_copy(update={"results": ResultCounts.model_validate(counts)})
            store_results(
                run, RunResults(results=list(nodes), counts=ResultCounts.model_validate(counts), complete=True)
            )
        if log is not None:
            run = run.model_copy(update={"log": store_log(run, [log.encode()])[0]})
        return run

    @staticmethod
    def write(runs: Sequence[Run]) -> None:
        """Store runs in one go, as no pass and no request would."""
        with RunRow.batch_write() as rows:
            for run in runs:
                rows.save(new_row(run))
