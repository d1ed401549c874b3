"""The stack of the rehearsal, and its users."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from local.example_projects import EXAMPLES
from local.kubernetes_api import KubernetesApi
from tests.notifications.receivers import Authority, Receiver, receiver
from tests.notifications.slack.fake_slack import Slack
from tests.rehearsal import cloud
from tests.rehearsal.deployment import PARAMETERS, Answer, Deployment, built, deploy

# Under the project, so that images stay installed.
HOME = cloud.ROOT / ".local" / "rehearsal"


@dataclass(frozen=True)
class Person:
    """A user with a token, whose organization has an API key."""

    deployment: Deployment
    token: str
    key: str

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a request with the token."""
        # API Gateway gets the key from the authorizer; MiniStack reads it from this header.
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.deployment.call(self.token, method, path, body, {"X-API-Key": self.key, **named})

    def follow(self, method: str, location: str) -> Answer:
        """Send a request to a Location."""
        return self.deployment.follow(self.token, method, location, more={"X-API-Key": self.key})


@pytest.fixture(scope="session")
def hook() -> Iterator[Receiver]:
    """A receiver of webhooks, over TLS."""
    HOME.mkdir(parents=True, exist_ok=True)
    with receiver(Authority(HOME).context("localhost")) as made:
        yield made


@pytest.fixture(scope="session")
def slack() -> Iterator[Slack]:
    """A fake Slack."""
    with receiver(None, "127.0.0.1") as made:
        yield Slack(made)


@pytest.fixture(scope="session")
def deployment(hook: Receiver, slack: Slack) -> Iterator[Deployment]:
    """The service, deployed once."""
    assert built(), "there is nothing built of the present template: make build"
    (HOME / "kubeconfig").unlink(missing_ok=True)
    parameters = {
        **PARAMETERS,
        "SlackApiUrl": f"http://127.0.0.1:{slack.receiver.port}/api/",
        "WebhookAllowedHosts": f"localhost:{hook.port}",
        "WebhookCaFile": str(HOME / "authority.pem"),
    }
    with cloud.running(HOME) as ours:
        yield deploy(ours, parameters)


@pytest.fixture(scope="session")
def alice(deployment: Deployment) -> Person:
    """A developer of an organization with a namespace."""
    return _developer(deployment, "org-acme")


@pytest.fixture(scope="session")
def rita(deployment: Deployment, alice: Person) -> Person:
    """A reader in Alice's organization."""
    return Person(deployment, deployment.jobsctl("token", "create", "org-acme", "--role", "reader")["token"], alice.key)


@pytest.fixture(scope="session")
def charlie(deployment: Deployment) -> Person:
    """A developer of another organization."""
    return _developer(deployment, "org-globex")


@pytest.fixture(scope="session")
def dora(deployment: Deployment) -> Person:
    """A developer of an organization that gets notifications: it has a Slack."""
    person = _developer(deployment, "org-initech")
    deployment.jobsctl("organization", "slack-token", "org-initech", "--token", "xoxb-initech")
    return person


@pytest.fixture(scope="session")
def erin(deployment: Deployment) -> Person:
    """A developer of an organization whose account wants events."""
    return _developer(deployment, "org-hooli")


@pytest.fixture(scope="session")
def erins_project(deployment: Deployment, erin: Person) -> str:
    """The id of Erin's project, also deployed."""
    assert erin
    return _dbt_project(deployment, "org-hooli")


@pytest.fixture(scope="session")
def jaffle(deployment: Deployment, alice: Person) -> str:
    """The id of Alice's dbt project, deployed; the image and the folder are those of `make run`."""
    assert alice
    return _dbt_project(deployment, "org-acme")


@pytest.fixture(scope="session")
def doras_project(deployment: Deployment, dora: Person) -> str:
    """The id of Dora's project, also deployed."""
    assert dora
    return _dbt_project(deployment, "org-initech")


def _dbt_project(deployment: Deployment, organization: str) -> str:
    example = next(example for example in EXAMPLES if example.name == "jaffle")
    KubernetesApi(deployment.cloud.kubeconfig).create(
        f"/api/v1/namespaces/{organization}/secrets",
        {
            "metadata": {"name": example.environment_secret},
            "type": "Opaque",
            "stringData": example.environment(HOME / organization),
        },
    )
    made = deployment.jobsctl(
        *("project", "create", organization, example.name, "--type", "dbt", "--image", example.image, "--deploy"),
        *("--set", f"working_directory={example.working_directory}"),
        *("--set", f"environment_secret={example.environment_secret}"),
        # The API's address belongs to AWS, so pods of this cluster cannot store artifacts there.
        *("--set", "artifacts=false"),
    )
    return str(made["id"])


def _developer(deployment: Deployment, organization: str) -> Person:
    """Do what an operator does for a new organization."""
    KubernetesApi(deployment.cloud.kubeconfig).create("/api/v1/namespaces", {"metadata": {"name": organization}})
    key = deployment.jobsctl("organization", "create", organization)["usage_key"]["value"]
    return Person(deployment, deployment.jobsctl("token", "create", organization)["token"], key)
