"""A project as the API shows it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Self

from jobs_api.model import names
from jobs_api.model.commands import ProjectType
from jobs_api.model.document import Absent, Document, Timestamp
from jobs_api.model.project import ConcurrencyPolicy, Project
from jobs_api.model.resources import Resources


class ProjectDocument(Document):
    """A project: its code base, how its jobs run, and whether they do; times are in seconds.

    `timeout_seconds` is `active_deadline_seconds` where projects are stored, since before the API showed them.
    `artifacts` says whether what runs leave is stored, which no project can ask for yet.
    """

    id: str
    organization_id: str
    name: str
    project_type: ProjectType
    image: str
    working_directory: Absent[str] = None
    resources: Resources
    concurrency_policy: ConcurrencyPolicy
    timeout_seconds: int
    starting_deadline_seconds: int
    successful_history_limit: int
    failed_history_limit: int
    ttl_seconds: int
    environment_secret: Absent[str] = None
    allowed_environment: Absent[list[str]] = None
    allowed_resources: Absent[list[str]] = None
    artifacts: bool
    deployed: bool
    suspended: bool
    paused_until: Absent[Timestamp] = None
    pause_reason: Absent[str] = None
    created_at: Timestamp
    updated_at: Timestamp

    @classmethod
    def of(cls, project: Project, now: datetime) -> Self:
        """Show a project as it is at a time: a pause that is over is shown no more."""
        shown = project.without_what_is_over(now)
        settings = dict(shown.settings)
        settings["timeout_seconds"] = settings.pop("active_deadline_seconds")
        for name in ("allowed_environment", "allowed_resources"):
            settings[name] = settings[name] or None
        return cls(
            id=shown.id,
            organization_id=shown.organization_id,
            created_at=shown.created_at,
            updated_at=shown.updated_at,
            artifacts=False,
            **settings,
        )


class ProjectList(Document):
    """Projects of an organization, oldest first."""

    projects: list[ProjectDocument]
    total: int


def called(name: str, projects: Iterable[Project]) -> list[Project]:
    """Return the projects whose name a new one called `name` would collide with."""
    slug = names.slug(name)
    return [project for project in projects if slug in (project.slug, names.slug(project.settings.name))]
