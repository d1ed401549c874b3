"""How soon a deployed service says that a run has ended: the stack of the rehearsal, with default pulses.

    make build && python -m benchmarks.deployed_ends [runs]

MiniStack and the embedded cluster stand in for AWS and EKS, so the figure holds what the service itself adds, and not
what AWS adds. The command prints when it ends; a client asks for the run every 0.2 seconds.
"""

import random
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.measure import Figure, report
from benchmarks.pulses import CLIENTS, SUCCESS_MEDIAN, SUCCESS_P99, command, percentile
from local.kubernetes_api import KubernetesApi
from tests.rehearsal import cloud
from tests.rehearsal.deployment import STACK, Answer, Deployment, built, deploy

HOME = cloud.ROOT / ".local" / "rehearsal"
ORGANIZATION = "org-measured"
# Of the rehearsal's parameters, only those that MiniStack cannot do without.
PARAMETERS = {"ManageAccessEntries": "false", "Monitoring": "false", "OrganizationRate": "200", "ThrottleRate": "500"}
ASK_EVERY = 0.2


class Caller:
    """A developer of an organization with a project whose `dbt` prints when it ends."""

    def __init__(self, deployment: Deployment, home: Path) -> None:
        """Do what an operator does for a new organization."""
        self._deployment = deployment
        KubernetesApi(deployment.cloud.kubeconfig).create("/api/v1/namespaces", {"metadata": {"name": ORGANIZATION}})
        self._key = deployment.jobsctl("organization", "create", ORGANIZATION)["usage_key"]["value"]
        self._token = deployment.jobsctl("token", "create", ORGANIZATION)["token"]
        project = deployment.jobsctl(
            *("project", "create", ORGANIZATION, "timed", "--type", "dbt", "--image", "python", "--deploy"),
            *("--set", 'allowed_environment=["PATH"]'),
        )["id"]
        document = {
            "name": "timed",
            "command": "dbt debug",
            "schedule": "@yearly",
            "environment": {"PATH": str(command(home))},
        }
        job = self.call("POST", f"/projects/{project}/jobs", document).json["id"]
        self._trigger = f"/projects/{project}/jobs/{job}/trigger"

    def call(self, method: str, path: str, body: object = None) -> Answer:
        """Send a request; MiniStack takes the organization's key from this header."""
        answer = self._deployment.call(self._token, method, path, body, {"X-API-Key": self._key})
        assert answer.status < 400, answer
        return answer

    def seconds_until_success(self) -> float:
        """Run the job once; return how long after the command's end the API said `success`."""
        # A random wait, so that ends do not follow the rhythm of the passes.
        time.sleep(random.random() * 5)  # noqa: S311
        run = self.call("POST", self._trigger).json["job_run_id"]
        while self.call("GET", f"/runs/{run}").json["status"] != "success":
            time.sleep(ASK_EVERY)
        success = time.time()
        return success - float(self.call("GET", f"/runs/{run}/logs").json["logs"].split()[-1])


def figures(runs: int) -> Iterator[Figure]:
    """Yield the median and the 99th percentile."""
    assert built(), "there is nothing built of the present template: make build"
    with cloud.running(HOME) as ours:
        caller = Caller(deploy(ours, PARAMETERS), HOME)
        caller.seconds_until_success()  # the image is installed for the first pod
        with ThreadPoolExecutor(CLIENTS) as clients:
            seen = sorted(clients.map(lambda _: caller.seconds_until_success(), range(runs)))
    yield Figure("exit to success in the API, median", percentile(seen, 50), "s", SUCCESS_MEDIAN)
    yield Figure("exit to success in the API, p99", percentile(seen, 99), "s", SUCCESS_P99)


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    report(f"{number} runs on {STACK}, {CLIENTS} at a time", [*figures(number)])
