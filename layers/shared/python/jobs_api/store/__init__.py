"""The tables: what should be, what ran, who may ask. The only package that knows PynamoDB.

Deliveries are in `store.deliveries`, which most functions have no use for and so do not load.

Every function takes the organization first, so that nothing of another one can be read or written by its id alone.
"""

from jobs_api.store.due_jobs import DueJob, due_jobs, settle_job
from jobs_api.store.job_versions import list_job_versions
from jobs_api.store.jobs import create_job, delete_job, get_job, list_jobs, record_sync, update_job
from jobs_api.store.organizations import (
    create_organization,
    create_token,
    expire_token,
    find_token,
    forget_organization,
    get_organization,
    get_token,
    leave_cluster,
    list_organizations,
    list_tokens,
    move_organization,
    recent_organization,
    record_cleared,
    record_outages,
    record_usage_key,
    retire_organization,
    revoke_token,
)
from jobs_api.store.projects import (
    create_project,
    delete_project,
    forget_past_project,
    get_project,
    list_projects,
    past_projects,
    update_project,
)
from jobs_api.store.run_lists import (
    RunFilter,
    has_succeeded_since,
    list_runs,
    open_runs,
    runs_of_job,
    runs_to_notify,
    streak_before,
)
from jobs_api.store.runs import (
    advance_run,
    create_run,
    find_runs,
    get_run,
    kept_for,
    note_log_begins,
    run_launched,
    run_notified,
)

__all__ = [
    "DueJob",
    "RunFilter",
    "advance_run",
    "create_job",
    "create_organization",
    "create_project",
    "create_run",
    "create_token",
    "delete_job",
    "delete_project",
    "due_jobs",
    "expire_token",
    "find_runs",
    "find_token",
    "forget_organization",
    "forget_past_project",
    "get_job",
    "get_organization",
    "get_project",
    "get_run",
    "get_token",
    "has_succeeded_since",
    "kept_for",
    "leave_cluster",
    "list_job_versions",
    "list_jobs",
    "list_organizations",
    "list_projects",
    "list_runs",
    "list_tokens",
    "move_organization",
    "note_log_begins",
    "open_runs",
    "past_projects",
    "recent_organization",
    "record_cleared",
    "record_outages",
    "record_sync",
    "record_usage_key",
    "retire_organization",
    "revoke_token",
    "run_launched",
    "run_notified",
    "runs_of_job",
    "runs_to_notify",
    "settle_job",
    "streak_before",
    "update_job",
    "update_project",
]
