"""The rows of the projects table, which has two kinds of partition.

`{organization}/{project}` holds the project (`meta`), its jobs (`job#<id>`), the locks on their names (`name#<slug>`),
recently deleted jobs (`removed#<id>`), whose turn it is among the runs of a job (`turn#<id>`), and parts of logs
(`output#<run>#<offset>`): one Query up to `meta` lists the jobs and proves the tenant. `{organization}` holds a pointer
to each project and the locks on what must be unique in the whole namespace.
"""

import os
from typing import Any

from pynamodb.attributes import (
    BinaryAttribute,
    BooleanAttribute,
    DiscriminatorAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection

from jobs_api.store.attributes import DocumentAttribute, MomentAttribute
from jobs_api.store.rows import REGION, Row, share_connection

META = "meta"
JOB = "job#"
# These sort after `meta`, so a list of jobs does not read them.
PAST_JOB = "past#"
DELETED_JOB = "removed#"
NAME_LOCK = "name#"
TURN = "turn#"
LOG_PART = "output#"
CRONJOB_LOCK = "cronjob#"


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
    `webhook` and `sealed_environment` are encrypted. `last_write` is "sync" or "slots" if such a write came after
    the owner's last change: the filter of the stream leaves these writes out. One without a `slug` is from before names
    that lose letters got a hash.
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
    last_write = UnicodeAttribute(null=True)


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
    content = BinaryAttribute(null=True, legacy_encoding=False)
    key = UnicodeAttribute(null=True)
    expires_at = NumberAttribute()


class PointerRow(ProjectsRow, discriminator="pointer"):
    """A project of an organization."""


share_connection(ProjectsRow)
