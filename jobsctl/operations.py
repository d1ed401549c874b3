"""The operator's commands, one function each; `make run` makes its example data with the same functions."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from jobs_api import store
from jobs_api.admin import projects
from jobs_api.admin import tokens as admin_tokens
from jobs_api.errors import ChangedMeanwhile, Conflict, Fault, InvalidRequest
from jobs_api.ids import new_id
from jobs_api.model import names
from jobs_api.model.audit import AuditAction
from jobs_api.model.organization import Organization, RemovalConfirmation, Role
from jobs_api.model.project import Project
from jobs_api.notifications.slack import bot_token
from jobs_api.pulse import queue
from jobs_api.sealing import environment
from jobs_api.store import audit, indexing
from jobsctl.operator import entry_of

LONGEST_CONFIRMATION_HOURS = 24


def create_organization(organization_id: str, name: str | None = None, cluster: str | None = None) -> Organization:
    """Make an organization; its id is its Kubernetes namespace. Raises InvalidRequest, Conflict."""
    if not names.is_dns_label(organization_id):
        raise InvalidRequest([Fault("id", "must be a Kubernetes namespace: lower-case letters, digits and dashes")])
    now = datetime.now(UTC)
    organization = Organization(
        id=organization_id, name=name or organization_id, cluster=cluster, created_at=now, marked_at=now
    )
    store.create_organization(organization, entry_of(AuditAction.ORGANIZATION_CREATE, organization_id, organization_id))
    return organization


def create_project(organization_id: str, settings: Mapping[str, Any]) -> Project:
    """Make a project. Raises NotFound for the organization, InvalidRequest, NameTaken."""
    project = projects.new_project(organization_id, new_id("proj_"), settings, datetime.now(UTC), entry_of)
    queue.project_changed(organization_id, project.id)
    return project


def change_project(organization_id: str, project_id: str, changes: Mapping[str, Any]) -> Project:
    """Change settings; CronJobs follow. Raises ProjectNotFound, InvalidRequest, Conflict, ChangedMeanwhile."""
    project = projects.changed_project(organization_id, project_id, changes, datetime.now(UTC), entry_of)
    queue.project_changed(organization_id, project_id)
    return project


def delete_project(organization_id: str, project_id: str) -> None:
    """Remove a project and its jobs; syncs remove CronJobs, Pods finish, runs and logs stay. Raises ProjectNotFound."""
    projects.remove_project(organization_id, project_id, entry_of, even_deployed=True)
    queue.project_changed(organization_id, project_id)


def create_token(organization_id: str, role: Role, *, days: int | None, description: str = "") -> tuple[str, str]:
    """Make a token, valid for `days` or without an end; return its text, which is shown only now, and its id."""
    text, token = admin_tokens.new_token(
        organization_id, role, datetime.now(UTC), entry_of, days=days, name=description
    )
    return text, token.id


def rotate_token(organization_id: str, token_id: str, *, days: int | None, overlap: timedelta) -> tuple[str, str]:
    """Make a token that replaces another one, which ends after `overlap`; return its text and id. Raises NotFound."""
    before = store.get_token(organization_id, token_id)
    text, new = create_token(organization_id, before.role, days=days, description=before.description)
    ends_at = datetime.now(UTC) + overlap
    if before.expires_at is None or before.expires_at > ends_at:
        store.expire_token(before, ends_at, entry_of(AuditAction.TOKEN_EXPIRE, organization_id, before.id))
    return text, new


def revoke_token(organization_id: str, token_id: str) -> None:
    """Revoke a token; the gateway may accept it for up to one more minute. Raises NotFound."""
    admin_tokens.revoke(organization_id, token_id, datetime.now(UTC), entry_of)


def set_slack_token(organization_id: str, token: str) -> None:
    """Store the bot token for an organization's Slack alerts. Raises NotFound."""
    store.get_organization(organization_id)
    # Written before the token, which cannot be in one transaction with the tables.
    audit.record(entry_of(AuditAction.ORGANIZATION_SLACK_TOKEN, organization_id, organization_id))
    bot_token.store_bot_token(organization_id, token)


def index_runs(organization_id: str, project_id: str) -> int:
    """Add runs of a project that ended before an upgrade to the index for lists by status; return their number."""
    entry = entry_of(AuditAction.PROJECT_INDEX_RUNS, organization_id, project_id, project_id=project_id)
    audit.record(entry)
    return indexing.index_runs(organization_id, project_id)


def check_runs(organization_id: str) -> Organization:
    """Make the next ingest compare all Jobs that are labelled as settled with their runs; raises NotFound."""
    store.get_organization(organization_id)
    entry = entry_of(AuditAction.ORGANIZATION_CHECK_RUNS, organization_id, organization_id)
    store.record_settled_jobs_checked(organization_id, None, entry)
    return store.get_organization(organization_id)


def confirm_removals(
    organization_id: str, *, at_most: int, hours: float = 1, project_id: str | None = None
) -> Organization:
    """Let the next syncs remove up to `at_most` CronJobs that the tables cannot explain, for some hours.

    Args:
        organization_id: whose CronJobs.
        at_most: the most to remove, in all or of the project.
        hours: for how long the confirmation is valid, up to a day.
        project_id: only CronJobs labelled with this project, which need not exist any more.

    Raises:
        NotFound: there is no such organization.
        Conflict: nothing of it is held.
        InvalidRequest: a number is out of its range.
    """
    held = store.get_organization(organization_id).held_removals
    if held is None:
        raise Conflict(f"No CronJob of {organization_id!r} waits for a confirmation")
    faults = []
    if not (1 if project_id else held.count) <= at_most <= held.count:
        faults.append(Fault("at_most", f"{held.count} CronJobs are held: give that number, or fewer for one project"))
    if not 0 < hours <= LONGEST_CONFIRMATION_HOURS:
        faults.append(Fault("hours", f"must be more than 0 and at most {LONGEST_CONFIRMATION_HOURS}"))
    if faults:
        raise InvalidRequest(faults)
    now = datetime.now(UTC)
    confirmation = RemovalConfirmation(
        at_most=at_most, project_id=project_id, confirmed_at=now, until=now + timedelta(hours=hours)
    )
    entry = entry_of(AuditAction.ORGANIZATION_CONFIRM_REMOVALS, organization_id, organization_id, project_id=project_id)
    store.record_removal_confirmation(organization_id, confirmation, entry)
    queue.organization_changed(organization_id)
    return store.get_organization(organization_id)


def seal_environments(organization_id: str) -> int:
    """Seal the secrets of jobs that an older release wrote; return their number. Run again, it continues.

    A job that somebody changes at the same time is sealed by that change. So is a job that already has sealed values,
    because an operator may not open those.
    """
    sealed = 0
    for project in store.list_projects(organization_id):
        for job in store.list_jobs(organization_id, project.id)[1]:
            after = job if job.sealed_environment else environment.with_sealed_environment(job)
            if after is job:
                continue
            if not sealed:
                # One entry for all jobs, before the first of them changes.
                audit.record(entry_of(AuditAction.ORGANIZATION_SEAL, organization_id, organization_id))
            with suppress(ChangedMeanwhile):
                # At the same version, because neither the owner's settings nor the Pods change.
                store.update_job(job, after)
                sealed += 1
    return sealed
