"""A job: its command, its schedule, who is notified; `JobSettings` has every rule for what its owner may set."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails

from jobs_api import schedule
from jobs_api.errors import Fault, InvalidRequest
from jobs_api.model import names, slots, variables
from jobs_api.model.commands import ProjectType, parse_command
from jobs_api.model.document import Absent, Document, Record, Timestamp
from jobs_api.model.project import Project, ProjectSettings
from jobs_api.model.resources import Resources
from jobs_api.model.sealed_webhook import SealedWebhook
from jobs_api.model.slots import Firing, SlotHistory
from jobs_api.model.webhook_url import check_webhook_url, origin_of
from jobs_api.redaction.masking import MASK, shown

MAX_HEADERS_BYTES = 16 * 1024
# "#name" as people type it, or an id as in Slack's links.
SLACK_CHANNEL = re.compile(r"#[\w.-]{1,80}|[CDG][A-Z0-9]{6,20}")
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
RESERVED_HEADER = re.compile(r"host|content-.*|webhook-.*", re.IGNORECASE)
CONTROL = re.compile(r"[\x00-\x1f\x7f]")

WebhookEvent = Literal["started", "success", "failure", "cancelled"]
DEFAULT_EVENTS: list[WebhookEvent] = ["success", "failure"]


def _check_schedule(expression: str) -> str:
    schedule.parse(expression)
    return expression


def _check_headers(headers: dict[str, str]) -> dict[str, str]:
    if len(headers) > 20:
        raise ValueError(f"has {len(headers)} headers; at most 20 are allowed")
    for name, value in headers.items():
        if not HEADER_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a header name")
        if RESERVED_HEADER.fullmatch(name):
            raise ValueError(f"{name} is set by the service; any but Host, Content-* and webhook-* may be added")
        if CONTROL.search(value) or not value.isascii():
            raise ValueError(f"the value of {name} must be ASCII without line breaks or control characters")
        if value == MASK:
            raise ValueError(f"{name} has no stored value that {MASK} could stand for; send the value itself")
    size = sum(len(name) + len(value) for name, value in headers.items())
    if size > MAX_HEADERS_BYTES:
        raise ValueError(f"has {size} bytes in all; at most {MAX_HEADERS_BYTES} are allowed; few servers accept more")
    if len({name.lower() for name in headers}) < len(headers):
        raise ValueError("names a header twice; upper and lower case are the same")
    return headers


def _check_slack_channel(channel: str) -> str:
    if not SLACK_CHANNEL.fullmatch(channel):
        raise ValueError("must be a channel such as #data-alerts, or a channel id such as C024BE91L")
    return channel


class JobSettings(Document):
    """The settings of a job's owner; fields and defaults are those of the API.

    Validate with `of`, which knows the project and what it allows. The order of fields matters: the check of a rule
    over several fields is on the last of them, so that one answer reports all faults of a request.
    """

    model_config = ConfigDict(strict=True, validate_default=True)

    name: Annotated[str, AfterValidator(names.check_name)]
    description: Absent[Annotated[str, Field(max_length=1000)]] = None
    command: Annotated[str, Field(max_length=4096)]
    schedule: Annotated[str, AfterValidator(_check_schedule)]
    timezone: Annotated[str, AfterValidator(schedule.check_timezone)] = "UTC"
    enabled: bool = True
    resources: Resources = Resources()
    environment: dict[str, str] = Field(default={})
    slack_alerts_enabled: bool = False
    slack_alert_on_success: bool = False
    slack_channel: Absent[Annotated[str, AfterValidator(_check_slack_channel)]] = None
    webhook_enabled: bool = False
    webhook_url: Absent[Annotated[str, AfterValidator(check_webhook_url)]] = None
    webhook_headers: Absent[Annotated[dict[str, str], AfterValidator(_check_headers)]] = None
    webhook_events: Absent[Annotated[list[WebhookEvent], Field(min_length=1)]] = None

    @classmethod
    def of(cls, document: Mapping[str, Any], project: Project) -> "JobSettings":
        """Validate the settings that an owner sent for a job of this project.

        Raises:
            InvalidRequest: with every field that breaks a rule.
        """
        return cls.checked(document, project.settings)

    @classmethod
    def stored(cls, document: Mapping[str, Any]) -> "JobSettings":
        """Read settings from the table without validation: they were valid when written, but rules may have changed.

        Secrets of `webhook_headers` and `environment` are masks in the settings; the values are sealed in the job's
        `webhook` and `sealed_environment`.
        """
        return cls.known(**{**document, "resources": Resources.known(**document["resources"])})

    def changed(self, changes: Mapping[str, Any], project: Project, stored: "StoredSecrets") -> "JobSettings":
        """Return these settings with each sent field replaced as a whole; with the rules and errors of `of`.

        A sent mask keeps the stored value. Values are opened only if some stay and others do not.
        """
        document = self.model_dump(mode="json", exclude={"webhook_headers", "environment"}) | dict(changes)
        faults: list[Fault] = []
        kept: dict[str, Any] = {}
        headers = document.pop("webhook_headers", None)
        if "webhook_headers" not in changes or headers == self.webhook_headers:
            kept["webhook_headers"] = self.webhook_headers
        else:
            masked = isinstance(headers, dict) and MASK in headers.values()
            document["webhook_headers"] = _unmask(headers, stored.headers()) if masked else headers
        if self._keeps_headers(changes) and not stored.headers_may_go_to(document.get("webhook_url")):
            faults.append(Fault("webhook_headers", "send the values again: webhook_url has another address now"))
        environment = self._environment_of(changes, stored)
        if environment == self.environment:
            kept["environment"] = self.environment
            # Its names are checked again; its values were checked when they were sent.
            environment = {name: "" if value == MASK else value for name, value in self.environment.items()}
        document["environment"] = environment
        try:
            settings = JobSettings.of(document, project)
        except InvalidRequest as invalid:
            raise InvalidRequest([*invalid.faults, *faults]) from invalid
        if faults:
            raise InvalidRequest(faults)
        return settings.model_copy(update=kept)

    def _keeps_headers(self, changes: Mapping[str, Any]) -> bool:
        """Return whether stored values of headers stay."""
        headers = changes.get("webhook_headers", self.webhook_headers)
        return bool(self.webhook_headers) and isinstance(headers, dict) and MASK in headers.values()

    def _environment_of(self, changes: Mapping[str, Any], stored: "StoredSecrets") -> Any:
        """Return the sent environment with stored values in place of masks; the stored one if nothing changes."""
        sent = changes.get("environment", self.environment)
        if not isinstance(sent, dict) or sent == displayed(self.environment) or sent == self.environment:
            return sent if not isinstance(sent, dict) else self.environment
        if MASK not in sent.values() and not any(map(variables.is_secret, sent)):
            return sent
        values = stored.environment()
        hidden = stored.sealed_names | set(filter(variables.is_secret, self.environment))
        clear = {name: values[name] if value == MASK and name in hidden else value for name, value in sent.items()}
        return self.environment if clear == values else clear

    @model_validator(mode="before")
    @classmethod
    def _drop_what_is_not_said(cls, document: dict[str, Any]) -> dict[str, Any]:
        """Drop read-only fields, so that clients can send answers back, and `null`, which means the default."""
        said = {name: value for name, value in document.items() if name not in READ_ONLY}
        return {n: v for n, v in said.items() if v is not None or n not in cls.model_fields or _required(cls, n)}

    @field_validator("command")
    @classmethod
    def _fits_the_project(cls, command: str, info: ValidationInfo) -> str:
        parse_command(command, cast("ProjectSettings", info.context).project_type)
        return command

    @field_validator("environment")
    @classmethod
    def _is_the_job_s_to_set(cls, environment: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        allowed = cast("ProjectSettings", info.context).allowed_environment
        if faults := list(variables.environment_faults(environment, allowed)):
            raise ValidationError.from_exception_data(cls.__name__, [_detail(fault) for fault in faults])
        return environment

    @field_validator("slack_channel")
    @classmethod
    def _a_channel_where_alerts_are_wanted(cls, channel: str | None, info: ValidationInfo) -> str | None:
        if channel is None and (info.data.get("slack_alerts_enabled") or info.data.get("slack_alert_on_success")):
            raise ValueError("is needed where Slack alerts are enabled, such as #data-alerts")
        return channel

    @field_validator("webhook_enabled", "webhook_url", "webhook_headers", "webhook_events")
    @classmethod
    def _dbt_only(cls, value: Any, info: ValidationInfo) -> Any:
        if value and cast("ProjectSettings", info.context).project_type is not ProjectType.DBT:
            raise ValueError("is for dbt projects only; this project runs SQLMesh")
        return value

    @field_validator("webhook_url")
    @classmethod
    def _a_url_where_webhooks_are_wanted(cls, url: str | None, info: ValidationInfo) -> str | None:
        if url is None and info.data.get("webhook_enabled"):
            raise ValueError("is needed where webhook_enabled is true, such as https://example.com/hooks/jobs")
        return url

    @field_validator("webhook_events")
    @classmethod
    def _default_events(cls, events: list[WebhookEvent] | None, info: ValidationInfo) -> list[WebhookEvent] | None:
        if events is None and info.data.get("webhook_enabled"):
            return list(DEFAULT_EVENTS)
        return events and list(dict.fromkeys(events))


def _detail(fault: variables.VariableFault) -> InitErrorDetails:
    loc = (fault.name,) if fault.name else ()
    return InitErrorDetails(type="value_error", loc=loc, input=None, ctx={"error": ValueError(fault.message)})


def _required(model: type[BaseModel], name: str) -> bool:
    return model.model_fields[name].is_required()


def displayed(environment: Mapping[str, str]) -> dict[str, str]:
    """Return variables as answers show them: with masks for secrets."""
    return {name: MASK if variables.is_secret(name) else value for name, value in environment.items()}


def sealed_names(sealed_environment: str | None) -> set[str]:
    """Return which variables are sealed; their names are stored with the sealed values."""
    return set(sealed_environment.partition(":")[0].split(",")) if sealed_environment else set()


@dataclass(frozen=True)
class StoredSecrets:
    """The secrets of a stored job, opened when they are used.

    `sealed_names` are its variables that are sealed, `headers_for` is the origin that its headers were given for.
    """

    headers: Callable[[], Mapping[str, str]]
    environment: Callable[[], Mapping[str, str]]
    sealed_names: set[str]
    headers_for: str | None

    def headers_may_go_to(self, url: Any) -> bool:
        """Return whether the headers may be sent to a URL: its origin is theirs, or another rule rejects the text."""
        try:
            return not isinstance(url, str) or origin_of(check_webhook_url(url)) == self.headers_for
        except ValueError:
            return True


def _unmask(headers: dict[str, Any], stored: Mapping[str, str]) -> dict[str, Any]:
    """Put stored values where the mask came back; header names match in any case."""
    by_name = {name.lower(): value for name, value in stored.items()}
    return {name: by_name.get(name.lower(), MASK) if value == MASK else value for name, value in headers.items()}


class SyncState(StrEnum):
    """Whether the CronJob in the cluster matches the job."""

    PENDING = "pending"
    SYNCED = "synced"
    ERROR = "error"
    NOT_DEPLOYED = "not_deployed"


class JobSync(Document):
    """The truth about the CronJob in the cluster, as of `synced_at`."""

    state: SyncState
    message: Absent[str] = None
    synced_at: Absent[Timestamp] = None


class SyncedVersion(Document):
    """The result of the last sync of a job, and the versions of project and job that it compared.

    `in_force_at` is the time since which the CronJob is known to have its present firing; `resumed_at` is when a sync
    last resumed it after somebody had suspended it by hand. `fingerprint` is that of the CronJob
    when it was last found to match.
    """

    version: str
    state: SyncState
    message: str | None = None
    synced_at: Timestamp
    in_force_at: Timestamp | None = None
    resumed_at: Timestamp | None = None
    fingerprint: str | None = None


class Job(Record):
    """A job as it is stored; `version` counts its owner's changes, from 1.

    `webhook` and `sealed_environment` are the secrets, sealed. `headers_for` is the origin for which the headers were
    given, None where there was no address, or the job is older than this field.
    `kept_slug` is the slug of a job that is older than the hashes for lost letters, None for a newer one.
    `due_at` is when its slots must next be checked, None if it has no future slots.
    `recorded_version` is the last version that was stored as one of the job's history, None before there were any.
    """

    id: str
    organization_id: str
    project_id: str
    settings: JobSettings
    webhook: SealedWebhook = Field(default_factory=SealedWebhook)
    headers_for: str | None = None
    sealed_environment: str | None = None
    kept_slug: str | None = None
    cronjob_name: str
    version: int = 1
    created_at: Timestamp
    updated_at: Timestamp
    synced: SyncedVersion | None = None
    slots: SlotHistory = Field(default_factory=lambda job: SlotHistory(since=job["created_at"]))
    due_at: Timestamp | None = None
    recorded_version: int | None = None

    @classmethod
    def new(cls, job_id: str, settings: JobSettings, project: Project, now: datetime) -> "Job":
        """Make a new job of a project."""
        job = cls.known(
            id=job_id,
            organization_id=project.organization_id,
            project_id=project.id,
            settings=settings,
            webhook=SealedWebhook(),
            cronjob_name=names.cronjob_name(project.slug, settings.name),
            version=1,
            created_at=now,
            updated_at=now,
            synced=None,
            slots=SlotHistory(since=now),
            due_at=None,
        )
        return job.replanned(project, now)

    def changed(
        self,
        changes: Mapping[str, Any],
        project: Project,
        now: datetime,
        stored_headers: Callable[["Job"], Mapping[str, str]],
        stored_environment: Callable[["Job"], Mapping[str, str]] | None = None,
    ) -> "Job":
        """Return the job's next version with the sent fields replaced; the same job if nothing changes.

        New secret values are not sealed yet: `job_secrets` seals them before they are written. Stored ones are opened
        only where some stay and others do not.

        Raises:
            InvalidRequest: the merged job breaks a rule.
        """
        secrets = StoredSecrets(
            headers=lambda: stored_headers(self),
            environment=lambda: stored_environment(self) if stored_environment else self.settings.environment,
            sealed_names=sealed_names(self.sealed_environment),
            headers_for=self.headers_go_to,
        )
        settings = self.settings.changed(changes, project, secrets)
        if settings == self.settings:
            return self
        update = {"settings": settings, "version": self.version + 1, "updated_at": now}
        if names.slug(settings.name) != names.slug(self.settings.name):
            update |= {"kept_slug": None, "cronjob_name": names.cronjob_name(project.slug, settings.name)}
        after = self.model_copy(update=update)
        if after.fires_like(self):
            return after
        account = self.slots.changed(self.firing, project.periods, now)
        return after.model_copy(update={"slots": account}).replanned(project, now)

    def removed(self, project: Project, now: datetime) -> "Job | None":
        """Return the rest of a deleted job: its slots that may not be settled; None if there are none."""
        account = self.slots.changed(self.firing, project.periods, now)
        if not account.unsettled:
            return None
        # Nothing will start a Pod any more, so no secret value needs to be kept.
        disabled = self.settings.model_copy(update={"enabled": False, "environment": {}})
        update = {"settings": disabled, "sealed_environment": None, "slots": account}
        return self.model_copy(update=update).replanned(project, now)

    def settled(self, until: datetime, project: Project, now: datetime) -> "Job":
        """Return the job with all slots up to then settled."""
        return self.model_copy(update={"slots": self.slots.settled(until)}).replanned(project, now)

    def replanned(self, project: Project, now: datetime) -> "Job":
        """Return the job with the time at which its slots must next be checked."""
        due_at = slots.next_check(self.firings, project.periods, self.slots.settled_until, now)
        return self.model_copy(update={"due_at": due_at})

    def fires_like(self, other: "Job") -> bool:
        """Return whether another version of the job has the same slots and the same CronJob."""
        ours, theirs = self.settings, other.settings
        return (ours.schedule, ours.timezone, ours.enabled, self.cronjob_name) == (
            theirs.schedule,
            theirs.timezone,
            theirs.enabled,
            other.cronjob_name,
        )

    @property
    def headers_go_to(self) -> str | None:
        """The origin for which its headers were given; None if it is not known, and then they are not sent."""
        return self.headers_for or (origin_of(self.settings.webhook_url) if self.settings.webhook_url else None)

    @property
    def slug(self) -> str:
        """Its name as part of other names, unique in the project."""
        return self.kept_slug or names.slug(self.settings.name)

    @property
    def firing(self) -> Firing | None:
        """Its present schedule and timezone, None while it is disabled."""
        if not self.settings.enabled:
            return None
        return Firing(
            since=self.slots.since,
            schedule=self.settings.schedule,
            timezone=self.settings.timezone,
            cronjob_name=self.cronjob_name,
            in_force_at=self.synced.in_force_at if self.synced else None,
        )

    def fires_since(self, project: Project) -> datetime:
        """Return when its present firing began: at the last edit of its schedule, or with its project's period."""
        # Stored times have whole seconds.
        return max([self.slots.since, *(period.since for period in project.periods[-1:])]).replace(microsecond=0)

    @property
    def firings(self) -> list[Firing]:
        """Its earlier firings whose slots are not settled, oldest first, and the present one."""
        return [*self.slots.unsettled, *([self.firing] if self.firing else [])]

    def sync(self, project: Project) -> JobSync:
        """Return whether the CronJob matches this job, as the last sync found."""
        if not project.settings.deployed:
            return JobSync(state=SyncState.NOT_DEPLOYED)
        if self.synced is None:
            return JobSync(state=SyncState.PENDING)
        if self.synced.version != wanted_version(project, self):
            return JobSync(state=SyncState.PENDING, synced_at=self.synced.synced_at)
        said = self.synced.message
        return JobSync(state=self.synced.state, message=shown(said) if said else None, synced_at=self.synced.synced_at)


@dataclass(frozen=True, slots=True)
class JobVersion:
    """What a sync reads of a job to find that it has nothing to do; `synced_as` is the version that was last synced."""

    id: str
    cronjob_name: str
    version: int
    synced_as: str | None
    fingerprint: str | None = None


def wanted_version(project: Project, job: Job | JobVersion) -> str:
    """Return the version that an up-to-date CronJob has: it changes with the project and with the job."""
    return f"{project.version}.{job.version}"


class JobDocument(JobSettings):
    """A job as the API returns it: its settings with masked secrets, and the fields that the service adds."""

    id: str
    project_id: str
    created_at: Timestamp
    updated_at: Timestamp
    cronjob_name: str
    next_run_at: Absent[Timestamp] = None
    sync: JobSync
    webhook_secret: Absent[str] = None

    @classmethod
    def of_job(cls, job: Job, project: Project, now: datetime, webhook_secret: str | None = None) -> "JobDocument":
        """Show a job as it is at `now`; with its webhook's signing secret where that was made just now."""
        settings = job.settings
        fires = settings.enabled and project.fires
        return cls.known(
            **vars(settings),
            id=job.id,
            project_id=job.project_id,
            created_at=job.created_at,
            updated_at=job.updated_at,
            cronjob_name=job.cronjob_name,
            next_run_at=schedule.next_fire(settings.schedule, settings.timezone, now) if fires else None,
            sync=job.sync(project),
            webhook_secret=webhook_secret,
        )

    @field_serializer("environment")
    def _mask_secrets(self, environment: dict[str, str]) -> dict[str, str]:
        return displayed(environment)

    @field_serializer("webhook_headers")
    def _mask(self, headers: dict[str, str] | None) -> dict[str, str] | None:
        return headers and dict.fromkeys(headers, MASK)


class JobList(Document):
    """The jobs of a project: all of them, unless `next_cursor` says that more follow. `total` counts all."""

    jobs: list[JobDocument]
    total: int
    next_cursor: Absent[str] = None


READ_ONLY = frozenset(JobDocument.model_fields) - frozenset(JobSettings.model_fields)
