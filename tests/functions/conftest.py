"""The cast as fixtures: Alice and her projects, Rita who may only read them, and Charlie, who is a stranger."""

import pytest

from jobs_api.commands import ProjectType
from jobs_api.organizations import Role
from jobs_api.projects import Project
from tests.functions.cast import Person, new_organization, new_project


@pytest.fixture
def alice() -> Person:
    """A developer of an organization of this test's own."""
    return Person(new_organization("alice").id)


@pytest.fixture
def rita(alice: Person) -> Person:
    """A reader in Alice's organization."""
    return Person(alice.organization_id, Role.READER)


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
