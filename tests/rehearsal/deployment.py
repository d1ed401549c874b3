"""The service as it was deployed, through its API Gateway and through the operator's commands."""

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.rehearsal.cloud import ROOT, TOOLS, Cloud

STACK = "rehearsal"
STAGE = "dev"
# docs/rehearsal.md says for each why it is not the default.
PARAMETERS = {
    "ManageAccessEntries": "false",
    "Monitoring": "false",
    "TicksPerMinute": "6",
    # More than a test asks that waits for something, and less than one that does not.
    "OrganizationRate": "2.5",
    "OrganizationBurst": "20",
}
# A schedule takes up to a minute, and the first pod of an image its installation.
PATIENCE_SECONDS = 240


@dataclass(frozen=True)
class Answer:
    """What the API said."""

    status: int
    json: Any
    headers: dict[str, str]


@dataclass(frozen=True)
class Deployment:
    """The stack, and where its API is."""

    cloud: Cloud
    api: str

    def jobsctl(self, *arguments: str) -> Any:
        """Run an operator's command on the stack; return its answer."""
        return json.loads(self.cloud.run(sys.executable, "-m", "jobsctl", "--stack", STACK, *arguments))

    def call(
        self, token: str | None, method: str, path: str, body: Any = None, more: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request, as a client would; a body that is no bytes as JSON."""
        headers = {**(more or {}), **({"Authorization": f"Bearer {token}"} if token else {})}
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = Request(f"{self.api}/api/v1{path}", content, headers, method=method)  # noqa: S310  # it is https
        try:
            with urlopen(request, timeout=40, context=self.cloud.trust) as response:  # noqa: S310
                return Answer(response.status, json.load(response), dict(response.headers))
        except HTTPError as error:
            with error:
                return Answer(error.code, json.load(error), dict(error.headers))


def deploy(cloud: Cloud, parameters: Mapping[str, str]) -> Deployment:
    """Deploy what `sam build` made, as a person would with --guided."""
    cloud.run(
        TOOLS / "sam/bin/sam",
        "deploy",
        *("--stack-name", STACK, "--resolve-s3", "--capabilities", "CAPABILITY_IAM"),
        *("--no-confirm-changeset", "--no-progressbar"),
        *("--parameter-overrides", *(f"{name}={value}" for name, value in {**PARAMETERS, **parameters}.items())),
    )
    api = cloud.run(sys.executable, "-m", "tests.rehearsal.gateway_responses", STACK, STAGE).strip()
    return Deployment(cloud, f"{cloud.url}/restapis/{api}/{STAGE}/_user_request_")


def eventually[T](ask: Callable[[], T | None]) -> T:
    """Ask until there is an answer."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"it has not come true in {PATIENCE_SECONDS} s"
        time.sleep(0.5)
    return answer


def built() -> bool:
    """Tell whether there is something to deploy, made of the present template."""
    made = ROOT / ".aws-sam/build/template.yaml"
    return made.exists() and made.stat().st_mtime >= (ROOT / "template.yaml").stat().st_mtime
