"""The stack that all of the rehearsal uses, and who uses it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.example_projects import EXAMPLES
from local.kubernetes_api import KubernetesApi
from tests.rehearsal import cloud
from tests.rehearsal.deployment import Answer, Deployment, built, deploy

# Under the project, so that an image that was installed once stays.
HOME = cloud.ROOT / ".local" / "rehearsal"


@dataclass(frozen=True)
class Person:
    """Somebody with a token."""

    deployment: Deployment
    token: str

    def call(self, method: str, path: str, body: Any = None) -> Answer:
        """Send a request with it."""
        return self.deployment.call(self.token, method, path, body)


@pytest.fixture(scope="session")
def deployment() -> Iterator[Deployment]:
    """The service, deployed once."""
    assert built(), "there is nothing built of the present template: make build"
    HOME.mkdir(parents=True, exist_ok=True)
    (HOME / "kubeconfig").unlink(missing_ok=True)
    with cloud.running(HOME) as ours:
        yield deploy(ours)


@pytest.fixture(scope="session")
def alice(deployment: Deployment) -> Person:
    """A developer of an organization with a namespace."""
    return _developer(deployment, "org-acme")


@pytest.fixture(scope="session")
def rita(deployment: Deployment, alice: Person) -> Person:
    """A reader in Alice's organization."""
    assert alice
    return Person(deployment, deployment.jobsctl("token", "create", "org-acme", "--role", "reader")["token"])


@pytest.fixture(scope="session")
def charlie(deployment: Deployment) -> Person:
    """A developer of another organization."""
    return _developer(deployment, "org-globex")


@pytest.fixture(scope="session")
def jaffle(deployment: Deployment, alice: Person) -> str:
    """The id of Alice's dbt project, deployed; the image and the folder are those of `make run`."""
    assert alice
    example = next(example for example in EXAMPLES if example.name == "jaffle")
    KubernetesApi(deployment.cloud.kubeconfig).create(
        "/api/v1/namespaces/org-acme/secrets",
        {
            "metadata": {"name": example.environment_secret},
            "type": "Opaque",
            "stringData": example.environment(Path(HOME)),
        },
    )
    made = deployment.jobsctl(
        *("project", "create", "org-acme", example.name, "--type", "dbt", "--image", example.image, "--deploy"),
        *("--set", f"working_directory={example.working_directory}"),
        *("--set", f"environment_secret={example.environment_secret}"),
    )
    return str(made["id"])


def _developer(deployment: Deployment, organization: str) -> Person:
    KubernetesApi(deployment.cloud.kubeconfig).create("/api/v1/namespaces", {"metadata": {"name": organization}})
    deployment.jobsctl("organization", "create", organization)
    return Person(deployment, deployment.jobsctl("token", "create", organization)["token"])
