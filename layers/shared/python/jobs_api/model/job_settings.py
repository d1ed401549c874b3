"""The settings of a job: every rule for what its owner may set."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from jobs_api import schedule
from jobs_api.errors import InvalidRequest
from jobs_api.model import merged_secrets, names, pauses, variables
from jobs_api.model.alert_addresses import DEFAULT_EVENTS, WebhookEvent, check_slack_channel, header_faults
from jobs_api.model.chains import MOST_PREDECESSORS, Predecessor, check_each_once
from jobs_api.model.commands import ProjectType, parse_command
from jobs_api.model.document import Absent, Document
from jobs_api.model.expectation import Expectation
from jobs_api.model.named_faults import check_named
from jobs_api.model.pauses import PauseEnd, PauseReason
from jobs_api.model.project import DAY, Project, ProjectSettings
from jobs_api.model.resources import Resources
from jobs_api.model.service_fields import READ_ONLY
from jobs_api.model.stored_secrets import StoredSecrets
from jobs_api.model.webhook_url import check_webhook_url
from jobs_api.schedule import check_timezone

# The ends of a run after which it may be retried.
type RetriedStatus = Literal["failed", "error"]


def _each_once[T](values: list[T]) -> list[T]:
    return list(dict.fromkeys(values))


def _check_schedule(expression: str) -> str:
    schedule.parse(expression)
    return expression


class JobSettings(Document):
    """The settings of a job's owner; fields and defaults are those of the API.

    Validate with `of`, which knows the project and what it allows. The order of fields matters: the check of a rule
    over several fields is on the last of them, so that one answer reports all faults of a request.
    """

    model_config = ConfigDict(strict=True, validate_default=True, defer_build=True)

    name: Annotated[str, AfterValidator(names.check_new_name)]
    description: Absent[Annotated[str, Field(max_length=1000)]] = None
    command: Annotated[str, Field(max_length=4096)]
    run_after: Absent[
        Annotated[list[Predecessor], Field(max_length=MOST_PREDECESSORS), AfterValidator(check_each_once)]
    ] = None
    schedule: Absent[Annotated[str, AfterValidator(_check_schedule)]] = None
    timezone: Annotated[str, AfterValidator(check_timezone)] = "UTC"
    enabled: bool = True
    paused_until: Absent[PauseEnd] = None
    pause_reason: Absent[PauseReason] = None
    concurrency_policy: Absent[Literal["Allow", "Forbid", "Replace"]] = None
    timeout_seconds: Absent[Annotated[int, Field(ge=10, le=30 * DAY)]] = None
    starting_deadline_seconds: Absent[Annotated[int, Field(ge=10, le=7 * DAY)]] = None
    resources: Resources = Resources()
    environment: dict[str, str] = Field(default={})
    retries: Annotated[int, Field(ge=0, le=5)] = 0
    retry_delay_seconds: Annotated[int, Field(ge=0, le=3600)] = 60
    retry_on: Annotated[list[RetriedStatus], Field(min_length=1), AfterValidator(_each_once)] = Field(
        default=["failed", "error"]
    )
    slack_alerts_enabled: bool = False
    slack_alert_on_success: bool = False
    slack_alert_on_warning: bool = False
    slack_channel: Absent[Annotated[str, AfterValidator(check_slack_channel)]] = None
    webhook_enabled: bool = False
    webhook_url: Absent[Annotated[str, AfterValidator(check_webhook_url)]] = None
    webhook_headers: Absent[dict[str, str]] = None
    webhook_events: Absent[Annotated[list[WebhookEvent], Field(min_length=1)]] = None
    expect: Absent[Expectation] = None

    @classmethod
    def of(cls, document: Mapping[str, Any], project: Project, now: datetime | None = None) -> "JobSettings":
        """Validate the settings that an owner sent for a job of this project, `now` for the rules about time.

        Raises:
            InvalidRequest: with every field that breaks a rule.
        """
        faults = pauses.end_faults(document.get("paused_until"), now) if now else []
        try:
            settings = cls.checked(document, project.settings)
        except InvalidRequest as invalid:
            raise InvalidRequest([*invalid.faults, *faults]) from invalid
        if faults:
            raise InvalidRequest(faults)
        return settings

    @classmethod
    def stored(cls, document: Mapping[str, Any]) -> "JobSettings":
        """Read settings from the table without validation: they were valid when written, but rules may have changed.

        Secrets of `webhook_headers` and `environment` are masks in the settings; the values are sealed in the job's
        `webhook` and `sealed_environment`.
        """
        run_after = [Predecessor.known(**one) for one in document.get("run_after") or ()]
        read: dict[str, Any] = {
            "resources": Resources.known(**document["resources"]),
            "run_after": run_after or None,
        }
        if until := document.get("paused_until"):
            read["paused_until"] = datetime.fromisoformat(until)
        if document.get("expect"):
            read["expect"] = Expectation.known(**document["expect"])
        return cls.known(**{**document, **read})

    @property
    def predecessors(self) -> list[Predecessor]:
        """The jobs that this one runs after."""
        return self.run_after or []

    def changed(
        self, changes: Mapping[str, Any], project: Project, stored: StoredSecrets, now: datetime
    ) -> "JobSettings":
        """Return these settings with each sent field replaced as a whole; with the rules and errors of `of`.

        A sent mask keeps the stored value. Values are opened only if some stay and others do not.
        """
        document = self.model_dump(mode="json", exclude={"webhook_headers", "environment"}) | dict(changes)
        merged = merged_secrets.merged(self.webhook_headers, self.environment, changes, stored)
        document.pop("webhook_headers", None)
        document |= merged.document
        faults = merged.faults_at(document.get("webhook_url"), stored)
        try:
            # A stored pause of the greatest length would be too long by a clock that is behind.
            settings = JobSettings.of(document, project, now if "paused_until" in changes else None)
        except InvalidRequest as invalid:
            raise InvalidRequest([*invalid.faults, *faults]) from invalid
        if faults:
            raise InvalidRequest(faults)
        return settings.model_copy(update=merged.kept)

    @model_validator(mode="before")
    @classmethod
    def _drop_what_is_not_said(cls, document: dict[str, Any]) -> dict[str, Any]:
        """Drop read-only fields, so that clients can send answers back, and `null`, which means the default."""
        said = {name: value for name, value in document.items() if name not in READ_ONLY}
        return {n: v for n, v in said.items() if v is not None or n not in cls.model_fields or _required(cls, n)}

    @field_validator("pause_reason")
    @classmethod
    def _of_a_pause(cls, reason: str | None, info: ValidationInfo) -> str | None:
        return pauses.check_reason(reason, info.data)

    @field_validator("command")
    @classmethod
    def _fits_the_project(cls, command: str, info: ValidationInfo) -> str:
        parse_command(command, cast("ProjectSettings", info.context).project_type)
        return command

    @field_validator("run_after")
    @classmethod
    def _none_is_nothing(cls, predecessors: list[Predecessor] | None) -> list[Predecessor] | None:
        return predecessors or None

    @field_validator("schedule")
    @classmethod
    def _is_started_by_something(cls, expression: str | None, info: ValidationInfo) -> str | None:
        # If `run_after` breaks a rule, no other fault is reported for it.
        if expression is None and "run_after" in info.data and not info.data["run_after"]:
            raise ValueError("is required, unless run_after names the jobs that this one runs after")
        return expression

    @field_validator("environment", mode="wrap")
    @classmethod
    def _is_the_job_s_to_set(cls, sent: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        allowed = cast("ProjectSettings", info.context).allowed_environment
        return check_named(sent, handler, lambda environment: variables.environment_faults(environment, allowed))

    @field_validator("webhook_headers", mode="wrap")
    @classmethod
    def _may_be_sent(cls, sent: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        return check_named(sent, handler, header_faults)

    @field_validator("slack_channel")
    @classmethod
    def _a_channel_where_alerts_are_wanted(cls, channel: str | None, info: ValidationInfo) -> str | None:
        wishes = ("slack_alerts_enabled", "slack_alert_on_success", "slack_alert_on_warning")
        if channel is None and any(info.data.get(wish) for wish in wishes):
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
        return events and _each_once(events)

    @field_validator("expect")
    @classmethod
    def _a_schedule_where_slots_end_in_time(
        cls, expect: Expectation | None, info: ValidationInfo
    ) -> Expectation | None:
        # An invalid schedule is not in `data`, and has its own fault.
        if expect and expect.finish_by and info.data.get("schedule", "wrong") is None:
            raise ValueError("finish_by is for jobs with a schedule; use max_minutes, or add a schedule")
        return expect


def _required(model: type[BaseModel], name: str) -> bool:
    return model.model_fields[name].is_required()
