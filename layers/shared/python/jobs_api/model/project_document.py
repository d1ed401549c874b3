"""A project as the API shows it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Final, Self

from pydantic import Field

from jobs_api.errors import MOST_CHARACTERS, Fault
from jobs_api.model import names
from jobs_api.model.commands import ProjectType
from jobs_api.model.document import Absent, Document, Moment, Timestamp
from jobs_api.model.project import (
    DAY,
    ConcurrencyPolicy,
    ContainerImage,
    HistoryLimit,
    Project,
    StartingDeadline,
    Timeout,
    TimeToLive,
    WorkingDirectory,
)
from jobs_api.model.resources import Resources


class ProjectDocument(Document):
    """A project: its code base, how its jobs run, and whether they do; times are in seconds.

    `timeout_seconds` is `active_deadline_seconds` where projects are stored, since before the API showed them.
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


class ProjectRequest(Document):
    """The settings that an admin may send; `jobs_api.admin.projects` checks them by the rules for what is stored."""

    name: str
    project_type: ProjectType
    image: ContainerImage
    working_directory: WorkingDirectory | None = None
    resources: Resources = Resources()
    concurrency_policy: ConcurrencyPolicy = ConcurrencyPolicy.FORBID
    timeout_seconds: Timeout = DAY
    starting_deadline_seconds: StartingDeadline = 600
    successful_history_limit: HistoryLimit = 10
    failed_history_limit: HistoryLimit = 10
    ttl_seconds: TimeToLive = DAY
    environment_secret: str | None = None
    allowed_environment: list[str] = Field(default=[])
    allowed_resources: list[str] = Field(default=[])
    artifacts: bool | None = None
    deployed: bool = False
    suspended: bool = False
    paused_until: Absent[Moment] = None
    pause_reason: Absent[str] = None


# A client may send back what it read.
_READ_ONLY: Final = frozenset(ProjectDocument.model_fields.keys() - ProjectRequest.model_fields.keys())
# Settings also come from a command line, where a number and a truth are texts.
_KINDS: Final[dict[type, tuple[frozenset[str], str]]] = {
    bool: (frozenset({"artifacts", "deployed", "suspended"}), "must be true or false"),
    int: (
        frozenset(name for name, field in ProjectRequest.model_fields.items() if field.annotation is int),
        "must be a whole number",
    ),
}


def sent_settings(document: Mapping[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
    """Return the settings in what somebody sent, and the faults of the others: unknown names, and no JSON types."""
    known = ProjectRequest.model_fields
    settings = {name: value for name, value in document.items() if name in known}
    faults = [
        Fault(name, "is not a field of this object" + _suggestion(name, known))
        for name in document
        if name not in known and name not in _READ_ONLY
    ]
    for kind, (fields, message) in _KINDS.items():
        said = {name: value for name, value in settings.items() if name in fields and value is not None}
        for name in sorted(name for name, value in said.items() if type(value) is not kind):
            faults.append(Fault(name, message))
            del settings[name]
    return settings, faults


def _suggestion(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, list(known), n=1) if len(name) <= MOST_CHARACTERS else []
    meant = ["timeout_seconds"] if name == "active_deadline_seconds" else close
    return f"; did you mean {meant[0]}?" if meant else ""
