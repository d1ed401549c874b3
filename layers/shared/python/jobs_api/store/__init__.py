"""The tables: wanted jobs, runs, organizations and tokens. The only package that knows PynamoDB.

Most functions do not use deliveries, so these are in `store.deliveries` and are not loaded here.

The organization is the first argument of every function, so that an id alone reaches nothing of another organization.
Must not know Kubernetes or HTTP.
"""

from jobs_api.model.run_filter import RunFilter
from jobs_api.store.due_jobs import DueJob, due_jobs, next_due, settle_job
from jobs_api.store.job_names import cronjob_holders
from jobs_api.store.job_versions import list_job_versions
from jobs_api.store.job_writing import create_job, delete_job, record_sync, update_job
from jobs_api.store.jobs import find_jobs, get_job, jobs_with_projects, list_jobs
from jobs_api.store.organizations import (
    create_organization,
    forget_organization,
    get_organization,
    leave_cluster,
    list_organizations,
    move_organization,
    recent_organization,
    record_cleared,
    record_held_removals,
    record_label_restored,
    record_labelled,
    record_outages,
    record_removal_confirmation,
    record_settled_jobs_checked,
    record_usage_key,
    retire_organization,
    use_removal_confirmation,
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
from jobs_api.store.run_cancelling import cancel_unlaunched, record_cancel_request
from jobs_api.store.run_items import kept_for, position_of
from jobs_api.store.run_lists import (
    durations_before,
    has_succeeded_since,
    list_runs,
    open_runs,
    open_runs_of_job,
    runs_of_job,
    runs_to_notify,
    streak_before,
    unfinished_runs,
)
from jobs_api.store.runs import (
    advance_run,
    create_run,
    find_runs,
    get_run,
    record_found,
    record_log_begins,
    run_launched,
    run_notified,
)
from jobs_api.store.runs_with_results import runs_with_results
from jobs_api.store.tokens import (
    create_token,
    expire_token,
    find_token,
    get_token,
    list_tokens,
    replace_secret,
    revoke_token,
)

__all__ = [
    "DueJob",
    "RunFilter",
    "advance_run",
    "cancel_unlaunched",
    "create_job",
    "create_organization",
    "create_project",
    "create_run",
    "create_token",
    "cronjob_holders",
    "delete_job",
    "delete_project",
    "due_jobs",
    "durations_before",
    "expire_token",
    "find_jobs",
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
    "jobs_with_projects",
    "kept_for",
    "leave_cluster",
    "list_job_versions",
    "list_jobs",
    "list_organizations",
    "list_projects",
    "list_runs",
    "list_tokens",
    "move_organization",
    "next_due",
    "open_runs",
    "open_runs_of_job",
    "past_projects",
    "position_of",
    "recent_organization",
    "record_cancel_request",
    "record_cleared",
    "record_found",
    "record_held_removals",
    "record_label_restored",
    "record_labelled",
    "record_log_begins",
    "record_outages",
    "record_removal_confirmation",
    "record_settled_jobs_checked",
    "record_sync",
    "record_usage_key",
    "replace_secret",
    "retire_organization",
    "revoke_token",
    "run_launched",
    "run_notified",
    "runs_of_job",
    "runs_to_notify",
    "runs_with_results",
    "settle_job",
    "streak_before",
    "unfinished_runs",
    "update_job",
    "update_project",
    "use_removal_confirmation",
]
