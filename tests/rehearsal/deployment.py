"""The deployed service, called through its API Gateway and by the operator's commands."""

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from tests.rehearsal.cloud import ACCOUNT, REGION, ROOT, TOOLS, Cloud

STACK = "rehearsal"
STAGE = "dev"
# docs/rehearsal.md says for each why it is not the default.
PARAMETERS = {
    "ManageAccessEntries": "false",
    "Monitoring": "false",
    "PulseSeconds": "2",
    "IdlePulseSeconds": "20",
    # A limit that no test exceeds while it polls, but that a test of the limit exceeds.
    "OrganizationRate": "2.5",
    "OrganizationBurst": "20",
}
# A schedule takes up to a minute, and the first pod of an image its installation.
PATIENCE_SECONDS = 240


@dataclass(frozen=True)
class Answer:
    """An answer of the API."""

    status: int
    json: Any
    headers: dict[str, str]

    def header(self, name: str) -> str | None:
        """Return a header; the case of its name does not matter."""
        return next((value for each, value in self.headers.items() if each.lower() == name.lower()), None)


@dataclass(frozen=True)
class Deployment:
    """The stack and its API's address."""

    cloud: Cloud
    host: str
    parameters: Mapping[str, str]
    # The keys of somebody who may do what deploy/policies/operate.json says and nothing else.
    operator: Mapping[str, str]

    def jobsctl(self, *arguments: str) -> Any:
        """Run an operator's command on the stack; return its answer."""
        command = (sys.executable, "-m", "jobsctl", "--stack", STACK, *arguments)
        return json.loads(self.cloud.run(*command, keys=self.operator))

    def call(
        self, token: str | None, method: str, path: str, body: Any = None, more: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request, as a client would; a body that is not bytes is sent as JSON."""
        return self.follow(token, method, f"/{STAGE}/api/v1{path}", body, more)

    def follow(
        self, token: str | None, method: str, path: str, body: Any = None, more: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request to a path of the API's host, such as a Location."""
        # MiniStack distinguishes APIs by host names, as API Gateway does; DNS does not have this name.
        headers = {"Host": self.host, **(more or {}), **({"Authorization": f"Bearer {token}"} if token else {})}
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = Request(f"{self.cloud.url}{path}", content, headers, method=method)  # noqa: S310  # it is https
        try:
            with urlopen(request, timeout=40, context=self.cloud.trust) as response:  # noqa: S310
                return Answer(response.status, json.load(response), dict(response.headers))
        except HTTPError as error:
            with error:
                return Answer(error.code, json.load(error), dict(error.headers))


def deploy(cloud: Cloud, parameters: Mapping[str, str], template: Path | None = None) -> Deployment:
    """Deploy the output of `sam build`, or another built template, as `make deploy` does."""
    cloud.run(TOOLS / "sam/bin/python", "-m", "deploy", *_options(parameters, template))
    return Deployment(cloud, address(cloud), parameters, _operator(cloud))


def _operator(cloud: Cloud) -> dict[str, str]:
    """Make a user with the policy to operate with, filled in as docs/rights.md says; return its keys."""
    policy = (ROOT / "deploy/policies/operate.json").read_text()
    for word, value in (("ACCOUNT", ACCOUNT), ("REGION", REGION), ("STACK", STACK)):
        policy = policy.replace(word, value)
    keys: dict[str, str] = json.loads(cloud.run(sys.executable, "-c", _MAKE_OPERATOR, policy))
    return keys


_MAKE_OPERATOR = """
import boto3, json, sys
from uuid import uuid4
iam, name = boto3.client("iam"), f"operator-{uuid4()}"
iam.create_user(UserName=name)
policy = iam.create_policy(PolicyName=name, PolicyDocument=sys.argv[1])["Policy"]["Arn"]
iam.attach_user_policy(UserName=name, PolicyArn=policy)
key = iam.create_access_key(UserName=name)["AccessKey"]
print(json.dumps({"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}))
"""


def address(cloud: Cloud) -> str:
    """Add the gateway responses that MiniStack ignored, and return the API's host name."""
    api = cloud.run(sys.executable, "-m", "tests.rehearsal.gateway_responses", STACK, STAGE).strip()
    return f"{api}.execute-api.{urlsplit(cloud.url).netloc}"


def plain_sam_deploy(cloud: Cloud, parameters: Mapping[str, str]) -> None:
    """Deploy without `make deploy`, as nobody should."""
    cloud.run(TOOLS / "sam/bin/sam", "deploy", *_options(parameters, None))


def _options(parameters: Mapping[str, str], template: Path | None) -> list[str | Path]:
    values = [f"{name}={value}" for name, value in parameters.items()]
    return [
        # Without the user's own samconfig.toml.
        *("--config-file", ROOT / "samconfig.example.toml"),
        *("--stack-name", STACK, "--resolve-s3", "--capabilities", "CAPABILITY_IAM"),
        *("--no-confirm-changeset", "--no-progressbar", "--no-fail-on-empty-changeset"),
        *(("--template-file", template) if template else ()),
        *(("--parameter-overrides", *values) if values else ()),
    ]


def eventually[T](ask: Callable[[], T | None]) -> T:
    """Call until there is a result."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"it has not come true in {PATIENCE_SECONDS} s"
        time.sleep(0.5)
    return answer


def built() -> bool:
    """Return whether a build of the present template exists."""
    made = ROOT / ".aws-sam/build/template.yaml"
    return made.exists() and made.stat().st_mtime >= (ROOT / "template.yaml").stat().st_mtime
