"""The runner in the pods of a fake cluster, in projects with artifacts: it fetches, and stores two files.

A pod that was ended from outside may die before it stores anything, or store it late, when another pod of its run has
long ended. Each file names its pod, so that an audit sees a mixture.
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from urllib.parse import urlsplit

from jobs_api import runner
from jobs_api.k8s.pod_run import PodRun, run_of_pod
from local.cluster.storage import Object
from tests.functions import pods

FILES = ("manifest.json", "run_results.json")
ENDED = 143


def contents(pod_name: str) -> dict[str, bytes]:
    """Return what a pod stores."""
    return {path: json.dumps({"path": path, "pod": pod_name}).encode() for path in FILES}


@dataclass
class Uploads:
    """The uploads of an organization's pods; `also` is what AWS may raise while faults are on.

    `seen` counts what happened. `continued` has the runs whose artifacts a pod of dbt's retry got, by the pod's run.
    """

    organization_id: str
    also: tuple[type[Exception], ...] = ()
    seen: Counter[str] = field(default_factory=Counter)
    continued: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    _late: list[Callable[[], None]] = field(default_factory=list)
    _dice: Random = field(default_factory=lambda: Random(1))  # noqa: S311 - to be repeated, not to be secret

    def begun(self, pod: Object) -> None:
        """Fetch what the pod's command continues."""
        run = self._run_of(pod)
        if run and "retry" in pod["spec"]["containers"][0]["command"]:
            try:
                status, told = pods.ask(run.run_id, self._said(run, pod), {"fetch": "previous"})
            except self.also:
                return
            assert status in ({200, 500, 503} if self.also else {200}), told
            if status == 200:
                places = (urlsplit(one["url"]).path.split("/")[-2:] for one in told["fetched"])
                self.continued.setdefault(run.run_id, set()).update((place[0], place[1]) for place in places)

    def ended(self, pod: Object, code: int) -> None:
        """Store the pod's files, now, later or never."""
        run = self._run_of(pod)
        if run is None:
            return
        kind = self._dice.choice(["now", "late", "never"]) if code == ENDED else "now"
        self.seen[f"upload {kind}"] += 1
        if kind == "now":
            self.store(pod)
        if kind == "late":
            self._late.append(lambda: self.store(pod))

    def arrive(self) -> None:
        """Let some of the late uploads come."""
        coming = [one for one in self._late if self._dice.random() < 0.5]
        self._late = [one for one in self._late if one not in coming]
        for one in coming:
            one()

    def store(self, pod: Object) -> None:
        """Store a pod's files; once more where that fails, as the runner does."""
        run = self._run_of(pod)
        assert run
        for _ in range(2):
            try:
                pods.upload(run.run_id, self._said(run, pod), contents(pod["metadata"]["name"]))
            except self.also:
                self.seen["upload that failed"] += 1
            else:
                return

    def _said(self, run: PodRun, pod: Object) -> dict[str, str]:
        of_run = {"run_id": run.run_id, "project_id": run.project_id, "job_id": run.job_id}
        return {"organization_id": self.organization_id, "pod_name": pod["metadata"]["name"], **of_run}

    def _run_of(self, pod: Object) -> PodRun | None:
        has_runner = any(one["name"] == runner.VOLUME for one in pod["spec"].get("volumes", []))
        return run_of_pod(pod) if has_runner else None
