"""A project: one dbt or SQLMesh code base and how its jobs run; operators own it, `jobsctl` edits it."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from jobs_api.model import firing_history, names, pauses, periods, variables
from jobs_api.model.commands import ProjectType
from jobs_api.model.document import COMPILED_LATE, Absent, Document, Record, Timestamp
from jobs_api.model.firing_history import PausedSpan, PauseHistory
from jobs_api.model.pauses import Pause, PauseEnd, PauseReason
from jobs_api.model.periods import Period
from jobs_api.model.resources import Resources, check_resource_name

DAY = 86_400
# A list reads all jobs, 2 MB for ordinary ones, and each sync of everything reads their versions.
MOST_JOBS = 2_000
MOST_NAMES = 100
LONGEST_NAME = 255


class ConcurrencyPolicy(StrEnum):
    """The behaviour of a CronJob whose previous run has not ended, in Kubernetes' words."""

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


def _check_without_spaces(image: str) -> str:
    if not image or any(map(str.isspace, image)):
        raise ValueError("must be the name of an image, without spaces, such as ghcr.io/acme/jaffle:1f0a9c3")
    return image


def _check_absolute(directory: str) -> str:
    if not directory.startswith("/"):
        raise ValueError("must be a path from the root of the image, such as /app")
    return directory


ContainerImage = Annotated[
    str,
    Field(max_length=512, json_schema_extra={"minLength": 1, "pattern": r"^\S+$"}),
    AfterValidator(_check_without_spaces),
]
WorkingDirectory = Annotated[
    str, Field(max_length=1024, json_schema_extra={"pattern": "^/"}), AfterValidator(_check_absolute)
]
# Never 0: the CronJob's controller would delete a Job before its log is stored.
HistoryLimit = Annotated[int, Field(ge=1, le=100)]
StartingDeadline = Annotated[int, Field(ge=10, le=7 * DAY)]
Timeout = Annotated[int, Field(ge=1, le=30 * DAY)]
TimeToLive = Annotated[int, Field(ge=600, le=30 * DAY)]


class ProjectSettings(Document):
    """The settings of a project, which an operator decides; times are in seconds."""

    model_config = COMPILED_LATE

    name: Annotated[str, AfterValidator(names.check_name)]
    project_type: ProjectType
    image: ContainerImage
    working_directory: WorkingDirectory | None = None
    resources: Resources = Resources()
    concurrency_policy: ConcurrencyPolicy = ConcurrencyPolicy.FORBID
    successful_history_limit: HistoryLimit = 10
    failed_history_limit: HistoryLimit = 10
    starting_deadline_seconds: StartingDeadline = 600
    active_deadline_seconds: Timeout = DAY
    ttl_seconds: TimeToLive = DAY
    environment_secret: Annotated[str, AfterValidator(_check_dns_label)] | None = None
    # Omitted if they are empty, so that the previous release can read such a project. Names that its jobs may set
    # although they are the project's, such as PATH: jobs_api.variables has the list.
    allowed_environment: Annotated[list[VariableName], Field(max_length=MOST_NAMES)] = Field(
        default=[], exclude_if=lambda names: not names
    )
    # The resources that its jobs may request besides cpu, memory and ephemeral-storage, such as nvidia.com/gpu.
    allowed_resources: Annotated[list[ResourceName], Field(max_length=MOST_NAMES)] = Field(
        default=[], exclude_if=lambda names: not names
    )
    # Whether the artifacts of its runs are stored, by a program that starts each command in its Pod. Omitted where they
    # are not, as in projects from before.
    artifacts: bool = Field(default=False, exclude_if=lambda stored: not stored)
    deployed: bool = False
    suspended: bool = False
    paused_until: Absent[PauseEnd] = None
    pause_reason: Absent[PauseReason] = None

    @field_validator("artifacts")
    @classmethod
    def _of_dbt(cls, stored: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 - pydantic calls it
        if stored and info.data.get("project_type") is ProjectType.SQLMESH:
            raise ValueError("can only be true in a dbt project: SQLMesh writes no artifacts")
        return stored

    @field_validator("pause_reason")
    @classmethod
    def _of_a_pause(cls, reason: str | None, info: ValidationInfo) -> str | None:
        return pauses.check_reason(reason, info.data)


class Project(Record):
    """A project as it is stored; `version` counts its changes, from 1; `cursor_key` signs cursors over its runs.

    `kept_slug` is the slug of a project that is older than the hashes for lost letters, None for a newer one.
    `fires_since` is when it was last deployed or resumed, or when its CronJobs began to start slots by other rules, or
    when its pause ends; None where it was made so. `fired` are earlier times, and `pauses` earlier pauses.
    `runs_indexed` says that each of its ended runs is in the index `ended_runs`; projects older than that index have
    it once `jobsctl project index-runs` was there.
    `chain_edits` counts the changes of its jobs' `run_after`.
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
    pauses: PauseHistory[PausedSpan] = Field(default_factory=PauseHistory[PausedSpan])
    runs_indexed: bool = True
    chain_edits: int = 0

    def changed(self, settings: ProjectSettings, now: datetime) -> Self:
        """Return the project's next version, with other settings."""
        before = self.without_what_is_over(now)
        after = before.model_copy(update={"settings": settings, "version": self.version + 1, "updated_at": now})
        pause = after.pause_at(now)
        same = (after.fires, pause) == (before.fires, before.pause_at(now))
        fired, update = before.fired, {}
        if not same or (self.fires and after.starting != self.starting):
            ended = [one.model_copy(update={"until": one.until or now}) for one in before.periods if one.since < now]
            fired = periods.remembered(ended, now, firing_history.SPANS_KEPT_FOR)
            history = before.pauses.with_ended(before.paused_spans, now).begun(pause if after.fires else None, now)
            update = {"fires_since": pause.last_second if pause else now, "pauses": history}
        if settings.starting_deadline_seconds != self.settings.starting_deadline_seconds:
            fired = [period.with_deadline(self.settings.starting_deadline_seconds) for period in fired]
        return after.model_copy(update={"fired": fired, **update})

    def begun(self, now: datetime) -> Self:
        """Return a project that is made now, with its pause, if it has one."""
        pause = self.pause_at(now)
        if pause is None or not self.fires:
            return self
        return self.model_copy(update={"fires_since": pause.last_second, "pauses": self.pauses.begun(pause, now)})

    def without_what_is_over(self, now: datetime) -> Self:
        """Return the project without a pause that is over: it then is one of its earlier pauses."""
        if not self.settings.paused_until or self.pause_at(now):
            return self
        settings = self.settings.model_copy(update={"paused_until": None, "pause_reason": None})
        history = self.pauses.with_ended(self.paused_spans, now)
        return self.model_copy(update={"settings": settings, "pauses": history})

    def pause_at(self, now: datetime) -> Pause | None:
        """Return its pause if that is in effect at a time."""
        return Pause.at(self.settings.paused_until, self.settings.pause_reason, now)

    @property
    def paused_spans(self) -> list[PausedSpan]:
        """The project's present pause, if it has one while it fires; that may be over by now."""
        since, until = self.pauses.paused_since, self.settings.paused_until
        if not (since and until and self.fires):
            return []
        return [PausedSpan(since=since, until=until - pauses.A_SECOND, reason=self.settings.pause_reason)]

    @property
    def starting(self) -> tuple[ConcurrencyPolicy, int]:
        """By which rules its CronJobs start a slot late, or beside the run before."""
        return self.settings.concurrency_policy, self.settings.starting_deadline_seconds

    @property
    def periods(self) -> list[Period]:
        """The periods in which its jobs fired and may have slots to settle, oldest first; the last may be open."""
        since = self.last_fired_since
        if not self.fires or since is None:
            return self.fired
        return [*self.fired, Period(since=since, after_pause=self.pauses.after_pause)]

    @property
    def last_fired_since(self) -> datetime | None:
        """When the last of `periods` began, None if there is none."""
        if self.fires:
            return self.fires_since or self.created_at
        return self.fired[-1].since if self.fired else None

    @property
    def slug(self) -> str:
        """The project's name as part of other names, unique in the organization."""
        return self.kept_slug or names.slug(self.settings.name)

    @property
    def namespace(self) -> str:
        """The Kubernetes namespace its CronJobs live in: the organization's."""
        return self.organization_id

    @property
    def fires(self) -> bool:
        """Whether its enabled jobs fire when no pause is in effect: deployed and not suspended."""
        return self.settings.deployed and not self.settings.suspended
