"""An organization with a namespace in the embedded cluster, whose Jobs have a job's labels and run any script."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from jobs_api import store
from jobs_api.cluster import Cluster, Object, connect
from jobs_api.ids import new_id
from jobs_api.ingest.ingester import Pass
from jobs_api.k8s import labels, manifests
from jobs_api.k8s.observed import observe
from jobs_api.model import names
from jobs_api.model.actor import Actor
from jobs_api.model.audit import WrittenBy
from jobs_api.model.commands import ProjectType
from jobs_api.model.job import Job
from jobs_api.model.job_settings import JobSettings
from jobs_api.model.organization import Organization
from jobs_api.model.project import Project
from jobs_api.model.run import Run, RunStatus
from jobs_api.notifications import channels
from jobs_api.trigger.request import manual_run
from tests.functions.people import Person, new_organization, new_project


def eventually[T](ask: Callable[[], T | None]) -> T:
    """Call until there is a result."""
    deadline = time.monotonic() + 60
    while not (answer := ask()):
        assert time.monotonic() < deadline, "it has not come true within a minute"
        time.sleep(0.02)
    return answer


def until(file: Path) -> str:
    """Return a shell command that waits until a test has made this file."""
    return f"until [ -e {file} ]; do sleep 0.05; done"


def job_path(job: Object) -> str:
    """Return a Job's path in the API of Kubernetes."""
    metadata = job["metadata"]
    return f"/apis/batch/v1/namespaces/{metadata['namespace']}/jobs/{metadata['name']}"


@dataclass
class Acme:
    """The organization with one project and one job; `skipped` moves the clock of passes forward."""

    organization: Organization = field(default_factory=lambda: new_organization("acme"))
    skipped: timedelta = timedelta()
    project: Project = field(init=False)
    job: Job = field(init=False)
    cluster: Cluster = field(init=False)

    def __post_init__(self) -> None:
        """Create the organization's project and job."""
        self.cluster = connect(self.organization)
        self.write("POST", "/api/v1/namespaces", {"metadata": {"name": self.organization.namespace}})
        self.project = new_project(self.organization.id, "jaffle", ProjectType.DBT)
        # The next slot is eleven to twelve hours away, at whatever time of the day the tests run.
        hour = (self.now() + timedelta(hours=12)).hour
        document = {"name": "nightly", "command": "dbt build", "schedule": f"0 {hour} * * *"}
        self.job = Job.new(new_id("job_"), JobSettings.of(document, self.project), self.project, self.now())
        store.create_job(self.job)

    @property
    def alice(self) -> Person:
        """A user who may do everything in this organization."""
        return Person(self.organization.id)

    def now(self) -> datetime:
        """Return the present time of passes."""
        return datetime.now(UTC) + self.skipped

    def write(self, method: str, path: str, body: Object) -> None:
        """Change the cluster directly, as this service never does."""
        self.cluster._connection.write(method, path, body)

    def manifest(self, script: str, run_id: str | None = None, **spec: Any) -> Object:
        """Return a Job that runs a script instead of dbt; `image`, `resources` are its container's, `pod` its pod's."""
        made = manifests.job(
            self.project, self.job, run_id or "none", names.label(f"job-{new_id()}"), self.job.settings.command
        )
        container = made["spec"]["template"]["spec"]["containers"][0]
        container |= {"command": ["sh", "-c", script], "image": spec.pop("image", "python")}
        container["resources"] = spec.pop("resources", {})
        del container["workingDir"]
        made["spec"]["template"]["spec"] |= {"terminationGracePeriodSeconds": 1, **spec.pop("pod", {})}
        made["spec"] |= spec
        if run_id is None:
            del made["metadata"]["labels"][labels.RUN_ID]
        return made

    def start(self, script: str, run_id: str | None = None, **spec: Any) -> Object:
        """Create such a Job; return it."""
        return self.cluster.create_job(self.manifest(script, run_id, **spec))

    def reread(self, job: Object) -> Object:
        """Read a Job again."""
        return self.cluster.get_job(self.organization.namespace, job["metadata"]["name"])

    def replace(self, job: Object) -> None:
        """Write a Job that was read as `kubectl replace` does."""
        self.write("PUT", job_path(job), {**job, "apiVersion": "batch/v1", "kind": "Job"})

    def finish(self, script: str, run_id: str | None = None, **spec: Any) -> Object:
        """Create such a Job and wait for its end."""
        return self.wait_for_end(self.start(script, run_id, **spec))

    def wait_for_end(self, job: Object) -> Object:
        """Return a Job once it is Complete or Failed."""
        return eventually(lambda: found if observe(found := self.reread(job)).finished else None)

    def wait_for_pod(self, job: Object, *, reason: str | None = None) -> Object:
        """Return a Job's pod once its container runs, or waits for this reason."""

        def ask() -> Object | None:
            pod = self.cluster.pod_of(job)
            statuses = pod["status"].get("containerStatuses", []) if pod else []
            state = statuses[0]["state"] if statuses else {}
            reached = state.get("waiting", {}).get("reason") == reason if reason else "running" in state
            return pod if reached else None

        return eventually(ask)

    def delete(self, job: Object) -> None:
        """Delete a Job and its pods as `kubectl delete job` does, and wait until they are gone."""
        self.write("DELETE", job_path(job), {"propagationPolicy": "Background"})
        eventually(lambda: self.cluster.pod_of(job) is None)

    def ingest(self) -> Pass:
        """Make a pass."""
        self.organization = store.get_organization(self.organization.id)
        made = Pass(self.organization, self.cluster, self.now)
        made.run()
        return made

    def runs(self) -> list[Run]:
        """Return the project's runs, newest first."""
        found, _ = store.list_runs(self.organization.id, self.project.id, store.RunFilter(), limit=100, before=None)
        return found

    def only_run(self) -> Run:
        """Return the only run."""
        (run,) = self.runs()
        return run

    def log_of(self, run: Run) -> str:
        """Return a run's log from the API."""
        answer = self.alice.call("GET", f"/api/v1/runs/{run.id}/logs")
        assert answer.status == 200, answer.text
        return str(answer.json["logs"])

    def manual(self) -> Run:
        """Return a manual run that is not written."""
        return manual_run(
            new_id("run_"),
            self.job.settings.command,
            self.job,
            self.project,
            channels.alerts_of(self.project, self.job),
            WrittenBy(actor=Actor(token_id="token"), at=self.now(), request_id="request"),
        )

    def triggered(self, script: str = "echo hello", **values: Any) -> Run:
        """Write a manual run whose Job does not exist yet."""
        run = self.manual()
        name = values.get("job_name", run.job_name)
        made = self.manifest(script, run.id)
        made["metadata"]["name"] = name
        run = run.model_copy(update={"launch": made, **values})
        assert store.create_run(run)
        return run

    def status_of(self, run: Run) -> RunStatus:
        """Return a run's stored status."""
        return store.get_run(self.organization.id, run.id).status
