"""The people of the tests as fixtures: Alice and her projects, Rita who may only read them, and Charlie, a stranger."""

from collections.abc import Iterator
from typing import Any

import pytest

from jobs_api.cluster import Cluster
from jobs_api.model.commands import ProjectType
from jobs_api.model.organization import Role
from jobs_api.model.project import Project
from local.cluster import EmbeddedCluster
from tests.aws_of_template import recorder, within_its_policy
from tests.calls_to_aws import Call, intercept_aws
from tests.functions.acme import Acme
from tests.functions.people import Person, cluster_with_namespace, new_organization, new_project
from tests.functions.refusals import Refusals, Refuse

__all__ = ["recorder", "within_its_policy"]


@pytest.fixture
def alice() -> Person:
    """A developer of an organization of this test's own."""
    return Person(new_organization("alice").id)


@pytest.fixture
def rita(alice: Person) -> Person:
    """A reader in Alice's organization."""
    return Person(alice.organization_id, Role.READER)


@pytest.fixture
def admin(alice: Person) -> Person:
    """An admin of Alice's organization."""
    return Person(alice.organization_id, Role.ADMIN)


@pytest.fixture
def cluster(embedded_cluster: EmbeddedCluster, alice: Person) -> Cluster:
    """The organization's cluster, with the organization's namespace."""
    assert embedded_cluster.url
    return cluster_with_namespace(alice.organization_id)


@pytest.fixture
def charlie() -> Person:
    """A developer of another organization."""
    return Person(new_organization("charlie").id)


@pytest.fixture
def jaffle(alice: Person) -> Project:
    """Alice's dbt project."""
    return new_project(alice.organization_id, "jaffle", ProjectType.DBT)


@pytest.fixture
def analytics(alice: Person) -> Project:
    """Alice's SQLMesh project."""
    return new_project(alice.organization_id, "analytics", ProjectType.SQLMESH)


@pytest.fixture
def acme(embedded_cluster: EmbeddedCluster) -> Acme:
    """An organization whose Jobs run in the embedded cluster."""
    assert embedded_cluster.url
    return Acme()


@pytest.fixture
def refuse(embedded_cluster: EmbeddedCluster) -> Iterator[Refuse]:
    """A function that makes the cluster refuse requests until the test ends."""
    faults = embedded_cluster.faults
    assert faults

    def set_what(*marks: str, status: int = 503, message: str = "not today") -> None:
        faults.fault = Refusals(marks, status, message) if marks else None

    yield set_what
    faults.fault = None


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every later DynamoDB operation, in order."""
    made: list[str] = []

    def counted(call: Call) -> Any:
        if call.service == "dynamodb":
            made.append(call.operation)
        return call.make()

    intercept_aws(monkeypatch, counted)
    return made
