"""The rows of the runs table, and the lists of runs that its indexes are."""

import os
from typing import Any

from pynamodb.attributes import (
    BooleanAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from jobs_api.model.run import ENDED_STATUSES
from jobs_api.store.attributes import DocumentAttribute, MomentAttribute, VariablesAttribute
from jobs_api.store.rows import REGION, Row, share_connection


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
    caused_runs = UnicodeSetAttribute(null=True)
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
    # The attribute has this name since before `cause` became a field of the API.
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
        """Return the row as an item, and set `ended_in` if the run has ended, so that no caller can forget it."""
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


share_connection(RunRow)
