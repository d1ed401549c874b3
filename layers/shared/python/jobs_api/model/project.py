"""A project: one dbt or SQLMesh code base and how its jobs run; operators own it, `jobsctl` edits it."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field

from jobs_api.model import names, slots, variables
from jobs_api.model.commands import ProjectType
from jobs_api.model.document import Document, Record, Timestamp
from jobs_api.model.resources import Resources, check_resource_name
from jobs_api.model.slots import Period

DAY = 86_400
MOST_NAMES = 100
LONGEST_NAME = 255


class ConcurrencyPolicy(StrEnum):
    """What a CronJob does if its previous run has not ended, in Kubernetes' words."""

    ALLOW = "Allow"
    FORBID = "Forbid"
    REPLACE = "Replace"


def _check_dns_label(value: str) -> str:
    if not names.is_dns_label(value):
        raise ValueError("must be a Kubernetes name: at most 63 lower-case letters, digits and dashes")
    return value


def _check_variable_name(name: str) -> str:
    if not variables.VARIABLE.fullmatch(name) or len(name) > LONGEST_NAME:
        raise ValueError(f"must be a variable's name: letters, digits and _, at most {LONGEST_NAME}")
    if name.startswith(variables.OURS):
        raise ValueError(f"{variables.OURS}* is always set by the service and cannot be allowed")
    return name


VariableName = Annotated[str, AfterValidator(_check_variable_name)]
ResourceName = Annotated[str, AfterValidator(check_resource_name)]


class ProjectSettings(Document):
    """What an operator decides about a project; times are in seconds."""

    name: Annotated[str, AfterValidator(names.check_name)]
    project_type: ProjectType
    image: Annotated[str, Field(min_length=1, max_length=512, pattern=r"^\S+$")]
    working_directory: Annotated[str, Field(pattern=r"^/", max_length=1024)] | None = None
    resources: Resources = Resources()
    concurrency_policy: ConcurrencyPolicy = ConcurrencyPolicy.FORBID
    # Never 0: the CronJob's controller would delete a Job before its log is stored.
    successful_history_limit: Annotated[int, Field(ge=1, le=100)] = 10
    failed_history_limit: Annotated[int, Field(ge=1, le=100)] = 10
    starting_deadline_seconds: Annotated[int, Field(ge=10, le=7 * DAY)] = 600
    active_deadline_seconds: Annotated[int, Field(ge=1, le=30 * DAY)] = DAY
    ttl_seconds: Annotated[int, Field(ge=600, le=30 * DAY)] = DAY
    environment_secret: Annotated[str, AfterValidator(_check_dns_label)] | None = None
    # Omitted if they are empty, so that the previous release can read such a project. Names that its jobs may set
    # although they are the project's, such as PATH: jobs_api.variables has the list.
    allowed_environment: Annotated[list[VariableName], Field(max_length=MOST_NAMES)] = Field(
        default=[], exclude_if=lambda names: not names
    )
    # What its jobs may request besides cpu, memory and ephemeral-storage, such as nvidia.com/gpu.
    allowed_resources: Annotated[list[ResourceName], Field(max_length=MOST_NAMES)] = Field(
        default=[], exclude_if=lambda names: not names
    )
    deployed: bool = False
    suspended: bool = False


class Project(Record):
    """A project as it is stored; `version` counts its changes, from 1; `cursor_key` signs cursors over its runs.

    `kept_slug` is the slug of a project that is older than the hashes for lost letters, None for a newer one.
    `fires_since` is when it was last deployed or resumed, or when its CronJobs began to start slots by other rules,
    None where it was made so; `fired` are earlier times.
    `runs_indexed` says that each of its ended runs is in the index `ended_runs`; projects older than that index have
    it once `jobsctl project index-runs` was there.
    """

    id: str
    organization_id: str
    settings: ProjectSettings
    cursor_key: Annotated[str, Field(repr=False, exclude=True)]
    version: int = 1
    created_at: Timestamp
    updated_at: Timestamp
    kept_slug: str | None = None
    fires_since: Timestamp | None = None
    fired: list[Period] = Field(default_factory=list)
    runs_indexed: bool = True

    def changed(self, settings: ProjectSettings, now: datetime) -> Self:
        """Return the project's next version, with other settings."""
        after = self.model_copy(update={"settings": settings, "version": self.version + 1, "updated_at": now})
        fired, begins = self.fired, {}
        if after.fires != self.fires or (self.fires and after.starting != self.starting):
            ended = [period.model_copy(update={"until": period.until or now}) for period in self.periods]
            fired, begins = slots.remembered(ended, now), {"fires_since": now}
        if settings.starting_deadline_seconds != self.settings.starting_deadline_seconds:
            fired = [period.with_deadline(self.settings.starting_deadline_seconds) for period in fired]
        return after.model_copy(update={"fired": fired, **begins})

    @property
    def starting(self) -> tuple[ConcurrencyPolicy, int]:
        """By which rules its CronJobs start a slot late, or beside the run before."""
        return self.settings.concurrency_policy, self.settings.starting_deadline_seconds

    @property
    def periods(self) -> list[Period]:
        """The periods in which its jobs fired and may have slots to settle, oldest first; the last may be open."""
        return [*self.fired, *([Period(since=self.fires_since or self.created_at)] if self.fires else [])]

    @property
    def slug(self) -> str:
        """Its name as part of other names, unique in the organization."""
        return self.kept_slug or names.slug(self.settings.name)

    @property
    def namespace(self) -> str:
        """The Kubernetes namespace its CronJobs live in: the organization's."""
        return self.organization_id

    @property
    def fires(self) -> bool:
        """Whether its enabled jobs fire: deployed and not suspended."""
        return self.settings.deployed and not self.settings.suspended
