"""The PynamoDB models of the tables' rows; template.yaml defines their names, keys and indexes.

The projects table has two kinds of partition. `{organization}/{project}` holds the project (`meta`), its jobs
(`job#<id>`), the locks on their names (`name#<slug>`), recently deleted jobs (`removed#<id>`), whose turn it is among
the runs of a job (`turn#<id>`), and parts of logs (`output#<run>#<offset>`): one Query up to `meta` lists the jobs and
proves the tenant.
`{organization}` holds a pointer to each project and the locks on what must be unique in the whole namespace.
"""

import json
import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any, Self

from pynamodb.attributes import (
    Attribute,
    BinaryAttribute,
    BooleanAttribute,
    DiscriminatorAttribute,
    JSONAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.connection import Connection
from pynamodb.constants import ALL_NEW, ATTRIBUTES, NULL, STRING
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, IncludeProjection
from pynamodb.models import Model

from jobs_api.aws.clients import CONNECT_SECONDS, SETTINGS
from jobs_api.model.run import ENDED_STATUSES

REGION = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")

META = "meta"
JOB = "job#"
# These sort after `meta`, so a list of jobs does not read them.
PAST_JOB = "past#"
DELETED_JOB = "removed#"
NAME_LOCK = "name#"
TURN = "turn#"
LOG_PART = "output#"
CRONJOB_LOCK = "cronjob#"
MOMENT_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"

_SETTINGS = SETTINGS["dynamodb"]
connection = Connection(
    region=REGION,
    connect_timeout_seconds=CONNECT_SECONDS,
    read_timeout_seconds=_SETTINGS.read_seconds,
    # PynamoDB does not count the first attempt.
    max_retry_attempts=_SETTINGS.attempts - 1,
    max_pool_connections=_SETTINGS.connections,
)


class MomentAttribute(Attribute[datetime]):
    """An aware time as RFC 3339 in UTC with microseconds, so that text order is time order."""

    attr_type = STRING

    def serialize(self, value: datetime) -> str:
        """Write it."""
        return time_text(value)

    def deserialize(self, value: str) -> datetime:
        """Read it back."""
        # strptime, which reads exactly this format, takes ten times as long.
        return datetime.fromisoformat(value)


class DocumentAttribute(JSONAttribute):
    """A JSON document, in UTF-8: DynamoDB takes items of 400 KB, and an escaped letter would be three times as long."""

    def serialize(self, value: Any) -> str:
        """Write it."""
        return json.dumps(value, ensure_ascii=False)

    def deserialize(self, value: str) -> Any:
        """Read it back."""
        # PynamoDB would make a decoder for each value.
        return json.loads(value)


class VariablesAttribute(Attribute[dict[str, str]]):
    """Variables as `name=value` and a NUL, which neither contains; in JSON a control character would take six bytes."""

    attr_type = STRING

    def serialize(self, value: dict[str, str]) -> str:
        """Write them."""
        return "".join(f"{name}={one}\0" for name, one in value.items())

    def deserialize(self, value: str) -> dict[str, str]:
        """Read them back."""
        return dict(one.split("=", 1) for one in value.split("\0")[:-1])


def time_text(value: datetime) -> str:
    """Write a time as the tables do."""
    return value.astimezone(UTC).strftime(MOMENT_FORMAT)


class Row(Model):
    """An item of a table."""

    @classmethod
    def from_raw_data(cls, data: dict[str, Any]) -> Self:
        """Read an item as it came; PynamoDB sets each attribute by its descriptor, which takes three times as long."""
        kind: Any = cls._get_discriminator_class(data) or cls
        row: Self = kind.__new__(kind)
        row.attribute_values = {
            name: read(data[key][type_name])
            for name, key, type_name, read in _readers(kind)
            if key in data and NULL not in data[key]
        }
        return row

    def update(self, actions: list[Action], condition: Condition | None = None, **_: Any) -> None:
        """Update the item, without reading it back: hardly a caller looks at the row afterwards.

        PynamoDB's own `update` reads the whole item back, and where that is of another class than this row it raises a
        ValueError although the update is done.
        """
        key, sort = self._get_hash_range_key_serialized_values()
        self._get_connection().update_item(key, range_key=sort, condition=condition, actions=actions)

    def update_and_read(self, actions: list[Action], condition: Condition) -> Self:
        """Update the item; return it as it is afterwards."""
        key, sort = self._get_hash_range_key_serialized_values()
        answer = self._get_connection().update_item(
            key, range_key=sort, condition=condition, actions=actions, return_values=ALL_NEW
        )
        return self.from_raw_data(answer[ATTRIBUTES])

    def values(self, names: Iterable[str]) -> dict[str, Any]:
        """Return attributes by their names here, None where there is no value."""
        found = self.attribute_values
        return {name: found.get(name) for name in names}


@cache
def _readers(kind: type[Model]) -> list[tuple[str, str, str, Callable[[Any], Any]]]:
    """Return each attribute's name here and in the table, its type there and what reads it."""
    return [(name, one.attr_name, one.attr_type, one.deserialize) for name, one in kind.get_attributes().items()]


class SlotsDue(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call]
    """An organization's jobs by when their slots must next be checked; contains their keys and kinds."""

    class Meta:
        index_name = "slots_due"
        projection = IncludeProjection(["kind"])

    due_in = UnicodeAttribute(hash_key=True)
    due_at = MomentAttribute(range_key=True)


class ProjectsRow(Row):
    """Anything in the projects table."""

    class Meta:
        table_name = os.environ["PROJECTS_TABLE"]
        region = REGION

    partition = UnicodeAttribute(hash_key=True, attr_name="pk")
    sort = UnicodeAttribute(range_key=True, attr_name="sk")
    kind = DiscriminatorAttribute()

    slots_due = SlotsDue()


class ProjectRow(ProjectsRow, discriminator="project"):
    """A project; one without a `slug` is from before names that lose letters got a hash."""

    settings = DocumentAttribute()
    slug = UnicodeAttribute(null=True)
    version = NumberAttribute()
    cursor_key = UnicodeAttribute()
    created_at = MomentAttribute()
    updated_at = MomentAttribute()
    fires_since = MomentAttribute(null=True)
    fired = DocumentAttribute(null=True)
    pauses = DocumentAttribute(null=True)
    runs_indexed = BooleanAttribute(null=True)
    job_count = NumberAttribute(null=True)
    chain_edits = NumberAttribute(null=True)


class JobRow(ProjectsRow, discriminator="job"):
    """A job; only a sync writes `synced` and `matched`, and never together with the owner's changes.

    `matched` is what 0.1.0 does not know of a sync's result; it refuses `synced` with a field that it does not know.
    `webhook` and `sealed_environment` are encrypted. One without a `slug` is from before names that lose letters got a
    hash.
    """

    settings = DocumentAttribute()
    slug = UnicodeAttribute(null=True)
    cronjob_name = UnicodeAttribute()
    webhook = DocumentAttribute(null=True)
    headers_for = UnicodeAttribute(null=True)
    sealed_environment = UnicodeAttribute(null=True)
    version = NumberAttribute()
    created_at = MomentAttribute()
    updated_at = MomentAttribute()
    synced = DocumentAttribute(null=True)
    matched = DocumentAttribute(null=True)
    slots = DocumentAttribute(null=True)
    pauses = DocumentAttribute(null=True)
    due_in = UnicodeAttribute(null=True)
    due_at = MomentAttribute(null=True)
    recorded_version = NumberAttribute(null=True)
    followers = UnicodeSetAttribute(null=True)
    counted_ends = DocumentAttribute(null=True)


class PastJobRow(JobRow, discriminator="past_job"):
    """The rest of a job that was deleted before all its slots were settled; removed when they are."""


class DeletedJobRow(ProjectsRow, discriminator="deleted_job"):
    """A record that a job was deleted, so that a sync may remove its CronJob; `expires_at` in seconds since 1970.

    With `run_after` and `counted_ends` its predecessors' next runs say that it did not run after them.
    """

    deleted_at = MomentAttribute()
    created_at = MomentAttribute(null=True)
    run_after = DocumentAttribute(null=True)
    counted_ends = DocumentAttribute(null=True)
    expires_at = NumberAttribute()


class LockRow(ProjectsRow, discriminator="lock"):
    """A lock on a name, with the id of its owner."""

    holder = UnicodeAttribute()


class TurnRow(ProjectsRow, discriminator="turn"):
    """The last run of a job that started because no other was open; `expires_at` in seconds since 1970."""

    holder = UnicodeAttribute()
    expires_at = NumberAttribute()


class LatestArtifactsRow(ProjectsRow, discriminator="latest_artifacts"):
    """The newest artifacts of a project's successes, or of a job's; `expires_at` in seconds since 1970.

    `version` increases with each write, so that no write undoes another one.
    """

    files = DocumentAttribute()
    version = NumberAttribute()
    expires_at = NumberAttribute()


class LogPartRow(ProjectsRow, discriminator="log_part"):
    """A part of a run's log, as `LogPart` describes it; `expires_at` in seconds since 1970."""

    size = NumberAttribute()
    place = UnicodeAttribute()
    files = DocumentAttribute()
    file_bytes = NumberAttribute()
    gaps = NumberAttribute()
    written_at = MomentAttribute()
    followed_until = MomentAttribute(null=True)
    state = UnicodeAttribute(null=True)
    content = BinaryAttribute(null=True, legacy_encoding=False)
    key = UnicodeAttribute(null=True)
    expires_at = NumberAttribute()


class PointerRow(ProjectsRow, discriminator="pointer"):
    """A project of an organization."""


class ByProject(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call]
    """Runs of a project by age."""

    class Meta:
        index_name = "by_project"
        projection = AllProjection()

    project_id = UnicodeAttribute(hash_key=True)
    position = UnicodeAttribute(range_key=True)


class ByJob(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call]
    """Runs of a job by age."""

    class Meta:
        index_name = "by_job"
        projection = AllProjection()

    job_id = UnicodeAttribute(hash_key=True)
    position = UnicodeAttribute(range_key=True)


class OpenRuns(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call]
    """Runs of an organization that have not ended."""

    class Meta:
        index_name = "open_runs"
        projection = AllProjection()

    open_in = UnicodeAttribute(hash_key=True)
    position = UnicodeAttribute(range_key=True)


class EndedRuns(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call]
    """Runs of a project that ended with one status, by age."""

    class Meta:
        index_name = "ended_runs"
        projection = AllProjection()

    ended_in = UnicodeAttribute(hash_key=True)
    position = UnicodeAttribute(range_key=True)


class ToNotify(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call]
    """Runs of an organization with events that are not on the queue yet."""

    class Meta:
        index_name = "to_notify"
        projection = AllProjection()

    notify_in = UnicodeAttribute(hash_key=True)
    position = UnicodeAttribute(range_key=True)


class RunRow(Row):
    """A run. `position` orders runs by age.

    Only an open run and one with `followers_left` has `open_in`, only an ended run `ended_in`, and only a run with
    events that are not on the queue yet `notify_in`. DynamoDB removes it some time after `expires_at`, in seconds since
    1970: usually within two days.
    """

    class Meta:
        table_name = os.environ["RUNS_TABLE"]
        region = REGION

    run_id = UnicodeAttribute(hash_key=True)
    organization_id = UnicodeAttribute()
    project_id = UnicodeAttribute()
    job_id = UnicodeAttribute()
    position = UnicodeAttribute()
    open_in = UnicodeAttribute(null=True)
    ended_in = UnicodeAttribute(null=True)
    notify_in = UnicodeAttribute(null=True)
    job_name = UnicodeAttribute()
    cronjob_name = UnicodeAttribute()
    namespace = UnicodeAttribute()
    job_type = UnicodeAttribute()
    status = UnicodeAttribute()
    triggered_by = UnicodeAttribute()
    triggered_by_token = DocumentAttribute(null=True)
    attempt = NumberAttribute(null=True)
    retry_of = UnicodeAttribute(null=True)
    retried_as = UnicodeAttribute(null=True)
    first_triggered_by = UnicodeAttribute(null=True)
    caused_by = UnicodeAttribute(null=True)
    followers_left = UnicodeSetAttribute(null=True)
    skipped = DocumentAttribute(null=True)
    launch_after = MomentAttribute(null=True)
    waits = BooleanAttribute(null=True)
    command = UnicodeAttribute(null=True)
    start_time = MomentAttribute(null=True)
    end_time = MomentAttribute(null=True)
    duration_seconds = NumberAttribute(null=True)
    scheduled_for = MomentAttribute(null=True)
    expected_by = MomentAttribute(null=True)
    expected_minutes = NumberAttribute(null=True)
    late_at = MomentAttribute(null=True)
    late_status = UnicodeAttribute(null=True)
    long_at = MomentAttribute(null=True)
    exit_code = NumberAttribute(null=True)
    error_message = UnicodeAttribute(null=True)
    message = UnicodeAttribute(null=True)
    results = DocumentAttribute(null=True)
    # Since before `cause` was a field of the API's.
    failure_cause = UnicodeAttribute(null=True, attr_name="cause")
    cause = UnicodeAttribute(null=True, attr_name="trigger_cause")
    git_sha = UnicodeAttribute(null=True)
    environment = VariablesAttribute(null=True)
    pod_name = UnicodeAttribute(null=True)
    cancel_requested_at = MomentAttribute(null=True)
    cancel_reason = UnicodeAttribute(null=True)
    cancelled_by = DocumentAttribute(null=True)
    created_at = MomentAttribute()
    updated_at = MomentAttribute()
    launch = DocumentAttribute(null=True)
    sealed_environment = UnicodeAttribute(null=True)
    sealed_variables = UnicodeAttribute(null=True)
    log = DocumentAttribute(null=True)
    log_begins = UnicodeAttribute(null=True)
    log_note = UnicodeAttribute(null=True)
    deadline_seconds = NumberAttribute(null=True)
    job_uid = UnicodeAttribute(null=True)
    alerts = DocumentAttribute(null=True)
    notify = DocumentAttribute(null=True)
    expires_at = NumberAttribute(null=True)

    def serialize(self, null_check: bool = True) -> dict[str, dict[str, Any]]:  # noqa: FBT001, FBT002 - PynamoDB's
        """Write it as an item, and set `ended_in` if the run has ended, so that no caller can forget it."""
        if self.status in ENDED_STATUSES:
            self.ended_in = ended_in(self.project_id, self.status)
        written: dict[str, dict[str, Any]] = super().serialize(null_check=null_check)
        return written

    by_project = ByProject()
    by_job = ByJob()
    open_runs = OpenRuns()
    ended_runs = EndedRuns()
    to_notify = ToNotify()


def ended_in(project_id: str, status: str) -> str:
    """Return the partition of the index `ended_runs` in which a project's runs of a final status are."""
    return f"{project_id}#{status}"


class OrganizationsRow(Row):
    """Anything in the organizations table.

    An organization is (`organizations`, id), so that one Query lists them all; a token is (`token#<id>`, `meta`), so
    that the authorizer finds it alone, with a pointer (`<organization>`, `token#<id>`) to list an organization's own.
    """

    class Meta:
        table_name = os.environ["ORGANIZATIONS_TABLE"]
        region = REGION

    partition = UnicodeAttribute(hash_key=True, attr_name="pk")
    sort = UnicodeAttribute(range_key=True, attr_name="sk")
    kind = DiscriminatorAttribute()


class OrganizationRow(OrganizationsRow, discriminator="organization"):
    """An organization."""

    name = UnicodeAttribute()
    cluster = UnicodeAttribute(null=True)
    created_at = MomentAttribute()
    usage_key = DocumentAttribute(null=True)
    outages = DocumentAttribute(null=True)
    cluster_since = MomentAttribute(null=True)
    leaving_at = MomentAttribute(null=True)
    cleared_at = MomentAttribute(null=True)
    closed = BooleanAttribute(null=True)
    retired_at = MomentAttribute(null=True)
    marked_at = MomentAttribute(null=True)
    settled_jobs_checked_at = MomentAttribute(null=True)
    held_removals = DocumentAttribute(null=True)
    removal_confirmation = DocumentAttribute(null=True)
    # What `model.pulse.Pulse` has, each on its own, since conditions are about them.
    pulse_generation = NumberAttribute(null=True)
    pass_began_at = MomentAttribute(null=True)
    pass_busy_until = MomentAttribute(null=True)
    pass_asked_at = MomentAttribute(null=True)
    pass_due_at = MomentAttribute(null=True)
    sync_due_at = MomentAttribute(null=True)


class TokenRow(OrganizationsRow, discriminator="token"):
    """A token, without its secret."""

    organization_id = UnicodeAttribute()
    role = UnicodeAttribute()
    secret_sha256 = UnicodeAttribute()
    description = UnicodeAttribute()
    created_at = MomentAttribute()
    expires_at = MomentAttribute(null=True)
    revoked_at = MomentAttribute(null=True)


class TokenPointerRow(OrganizationsRow, discriminator="token_pointer"):
    """A token of an organization."""


_described: set[str] = set()


def share_connection(*models: type[Model]) -> None:
    """Let all models share one client: PynamoDB would make one for each model, which takes a tenth of a second."""
    for model in models:
        table = model._get_connection()  # noqa: SLF001 - there is no public way to give a model its connection
        # Some tables have rows of several kinds.
        if model.Meta.table_name not in _described:
            connection.add_meta_table(table.get_meta_table())
            _described.add(model.Meta.table_name)
        table.connection = connection


share_connection(ProjectsRow, RunRow, OrganizationsRow)
