"""How soon a deployed service says that a run has ended, by API and webhook, and gives a line of its log.

    make build && python -m benchmarks.deployed_ends [runs]
    make build && python -m benchmarks.deployed_ends lines [lines]

The stack is that of the rehearsal with default pulses. MiniStack and the embedded cluster stand in for AWS and EKS, so
the figure holds what the service itself adds, and not what AWS adds. The command prints when it ends; a client asks for
the run every 0.2 seconds, and a receiver keeps when the run's webhook arrives. With `lines` it prints the time every
0.05 seconds, and a client follows its log.
"""

import random
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.follow import FOLLOWED_WITHIN, STAMPS, delays, program
from benchmarks.measure import Figure, report
from benchmarks.pulses import CLIENTS, SUCCESS_MEDIAN, SUCCESS_P99, command, percentile
from local.kubernetes_api import KubernetesApi
from tests.notifications.receivers import Authority, Receiver, receiver
from tests.rehearsal import cloud
from tests.rehearsal.deployment import STACK, Answer, Deployment, built, deploy

HOME = cloud.ROOT / ".local" / "rehearsal"
ORGANIZATION = "org-measured"
# Only those parameters of the rehearsal that MiniStack cannot do without.
PARAMETERS = {"ManageAccessEntries": "false", "Monitoring": "false", "OrganizationRate": "200", "ThrottleRate": "500"}
# Seconds.
ASK_EVERY, ARRIVED_WITHIN = 0.2, 120.0


class Ended(NamedTuple):
    """A run, when its command printed its last line, and when the API said `success`; in seconds since the epoch."""

    run: str
    printed: float
    success: float


class Caller:
    """A developer of an organization with a project whose `dbt` is a program in a folder."""

    def __init__(self, deployment: Deployment, folder: Path, hook: Receiver | None = None) -> None:
        """Do what an operator does for a new organization; a hook receives the successes of its job."""
        self._deployment = deployment
        KubernetesApi(deployment.cloud.kubeconfig).create("/api/v1/namespaces", {"metadata": {"name": ORGANIZATION}})
        self._key = deployment.jobsctl("organization", "create", ORGANIZATION)["usage_key"]["value"]
        self._token = deployment.jobsctl("token", "create", ORGANIZATION)["token"]
        project = deployment.jobsctl(
            *("project", "create", ORGANIZATION, "timed", "--type", "dbt", "--image", "python", "--deploy"),
            *("--set", 'allowed_environment=["PATH"]'),
        )["id"]
        document: dict[str, object] = {
            "name": "timed",
            "command": "dbt debug",
            "schedule": "@yearly",
            "environment": {"PATH": str(folder)},
        }
        if hook:
            document |= {"webhook_enabled": True, "webhook_url": hook.url, "webhook_events": ["success"]}
        job = self.call("POST", f"/projects/{project}/jobs", document).json["id"]
        self._trigger = f"/projects/{project}/jobs/{job}/trigger"

    def call(self, method: str, path: str, body: object = None) -> Answer:
        """Send a request; MiniStack takes the organization's key from this header."""
        answer = self._deployment.call(self._token, method, path, body, {"X-API-Key": self._key})
        assert answer.status < 400, answer
        return answer

    def trigger(self) -> str:
        """Start a run; return its id."""
        return str(self.call("POST", self._trigger).json["job_run_id"])

    def run_once(self) -> Ended:
        """Run the job once, to its success."""
        # A random wait, so that ends do not follow the rhythm of the passes.
        time.sleep(random.random() * 5)  # noqa: S311
        run = self.trigger()
        while self.call("GET", f"/runs/{run}").json["status"] != "success":
            time.sleep(ASK_EVERY)
        success = time.time()
        return Ended(run, float(self.call("GET", f"/runs/{run}/logs").json["logs"].split()[-1]), success)


def figures(runs: int) -> Iterator[Figure]:
    """Yield the median and the 99th percentile of what follows the end of a command."""
    assert built(), "there is nothing built of the present template: make build"
    HOME.mkdir(parents=True, exist_ok=True)
    with receiver(Authority(HOME).context("localhost")) as hook, cloud.running(HOME) as ours:
        trusted = {"WebhookAllowedHosts": f"localhost:{hook.port}", "WebhookCaFile": str(HOME / "authority.pem")}
        caller = Caller(deploy(ours, PARAMETERS | trusted), command(HOME), hook)
        caller.run_once()  # the image is installed for the first pod
        with ThreadPoolExecutor(CLIENTS) as clients:
            ends = list(clients.map(lambda _: caller.run_once(), range(runs)))
        arrived = arrivals(hook, runs + 1)
    seen = sorted(end.success - end.printed for end in ends)
    heard = sorted(arrived[end.run] - end.printed for end in ends)
    for name, values in (("success in the API", seen), ("the webhook", heard)):
        yield Figure(f"exit to {name}, median", percentile(values, 50), "s", SUCCESS_MEDIAN)
        yield Figure(f"exit to {name}, p99", percentile(values, 99), "s", SUCCESS_P99)


def arrivals(hook: Receiver, runs: int) -> dict[str, float]:
    """Wait for the webhooks of so many runs; return when that of each run arrived first. Raises TimeoutError."""
    deadline = time.monotonic() + ARRIVED_WITHIN
    while True:
        found: dict[str, float] = {}
        for request in list(hook.received):
            found.setdefault(request.json["data"]["run"]["id"], request.at)
        if len(found) >= runs:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"webhooks of {len(found)} runs of {runs} arrived")
        time.sleep(ASK_EVERY)


def figures_of_lines(lines: int) -> Iterator[Figure]:
    """Yield how long after it was printed a line is given, the median and the 99th percentile."""
    assert built(), "there is nothing built of the present template: make build"
    HOME.mkdir(parents=True, exist_ok=True)
    with cloud.running(HOME) as ours, TemporaryDirectory() as folder:
        program(Path(folder), STAMPS, lines=lines)
        caller = Caller(deploy(ours, PARAMETERS), Path(folder))
        # The first time, the image is installed and the functions start.
        _, waits = (sorted(delays(lambda path: caller.call("GET", path).json, caller.trigger())) for _ in range(2))
    assert len(waits) == lines
    yield Figure("printed to given, median", median(waits), "s", FOLLOWED_WITHIN)
    yield Figure("printed to given, p99", percentile(waits, 99), "s")


if __name__ == "__main__":
    kind, *numbers = sys.argv[1:] or ["100"]
    if kind == "lines":
        wanted = int(numbers[0]) if numbers else 200
        report(f"{wanted} lines, followed on {STACK}", [*figures_of_lines(wanted)])
    else:
        report(f"{kind} runs on {STACK}, {CLIENTS} at a time", [*figures(int(kind))])
