"""The whole service for a browser: its pages and its API over HTTP, and an organization that nobody else uses."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jobs_api.model.commands import ProjectType
from jobs_api.model.organization import Role
from jobs_api.model.project import Project
from jobsctl import operations
from local.functions import Functions
from local.gateway import Gateway
from local.gateway.definition import definition_of
from local.listening import listen
from local.stack import LIMITS
from local.template import read
from tests.functions.people import Person, new_organization, new_project

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Service:
    """The whole API with its pages, and an organization that nobody else uses.

    `developer`, `reader` and `admin` are tokens; `alice` calls the API as the developer does.
    """

    url: str
    organization_id: str
    project: Project
    developer: str
    reader: str
    admin: str

    @property
    def alice(self) -> Person:
        """The developer, for calls that need no browser."""
        return Person(self.organization_id)


@contextmanager
def serving(name: str = "eyes") -> Iterator[Service]:
    """Serve until the block ends, for an organization of this name."""
    template = read(ROOT / "template.yaml", parameters=LIMITS, cache=ROOT / ".local" / "cache")
    organization = new_organization(name)
    project = new_project(organization.id, "jaffle", ProjectType.DBT)
    developer, reader, admin = (
        operations.create_token(organization.id, role, days=None, description=f"{role.value} of the tests")[0]
        for role in (Role.DEVELOPER, Role.READER, Role.ADMIN)
    )
    with Gateway(definition_of(template), Functions(template.functions()), listen()) as running:
        yield Service(running.url, organization.id, project, developer, reader, admin)
