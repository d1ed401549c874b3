"""Projects of an organization: made, changed and deleted."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from jobs_api import store
from jobs_api.admin.entries import Entries
from jobs_api.admin.tokens import check_open
from jobs_api.errors import ChangedMeanwhile, Conflict, Fault, InvalidRequest, ProjectDeployed, ProjectNotFound
from jobs_api.model import names, pauses
from jobs_api.model.audit import AuditAction, StoredEntry
from jobs_api.model.commands import ProjectType
from jobs_api.model.container_image import check_image
from jobs_api.model.document import rfc3339
from jobs_api.model.project import Project, ProjectSettings
from jobs_api.model.resource_bounds import bound_faults
from jobs_api.store import run_counts

ATTEMPTS: Final = 3
# Functions cache an organization's cluster for a minute.
FORGOTTEN: Final = timedelta(minutes=2)
# A project takes this name, which a job has too, and stores the setting under an older one.
TIMEOUT_NAME: Final = "timeout_seconds"
STORED_TIMEOUT: Final = "active_deadline_seconds"
ARTIFACTS: Final = "artifacts"
UNCHANGEABLE: Final = ("name", "project_type")


def new_project(
    organization_id: str,
    project_id: str,
    document: Mapping[str, Any],
    now: datetime,
    entries: Entries,
    faults: Sequence[Fault] = (),
) -> Project:
    """Make a project; if there is one with the id, an earlier try of the same request made it.

    `faults` are those that the caller has found; nothing is made if there are any.

    Raises:
        NotFound: there is no such organization.
        InvalidRequest: a setting breaks a rule; with all faults.
        Conflict: the organization is being deleted, or the name is taken.
    """
    check_open(organization_id)
    project = Project(
        id=project_id,
        organization_id=organization_id,
        settings=_settings(
            _with_default(document, document.get("project_type")), now, [*faults, *_name_faults(document.get("name"))]
        ),
        cursor_key=secrets.token_urlsafe(32),
        created_at=now,
        updated_at=now,
    ).begun(now)
    try:
        store.create_project(project, _entry(entries, AuditAction.PROJECT_CREATE, project))
    except Conflict as error:
        try:
            return store.get_project(organization_id, project_id)
        except ProjectNotFound:
            raise error from None
    return project


def changed_project(
    organization_id: str,
    project_id: str,
    changes: Mapping[str, Any],
    now: datetime,
    entries: Entries,
    faults: Sequence[Fault] = (),
) -> Project:
    """Change the settings that are named, None stands for a default; CronJobs follow.

    `faults` are those that the caller has found; nothing changes if there are any.

    Raises:
        ProjectNotFound: there is no such project.
        InvalidRequest: a setting breaks a rule, or is one that a project keeps.
        Conflict: it cannot be deployed now.
        ChangedMeanwhile: somebody else changed it each time.
    """
    for attempt in range(1, ATTEMPTS + 1):
        stored = store.get_project(organization_id, project_id)
        before = stored.without_what_is_over(now)
        named = _named_changes(before, changes)
        if ARTIFACTS in named:
            named = _with_default(named, before.settings.project_type)
        merged = {**before.settings.model_dump(), **named, **_kept(before)}
        settings = _settings(merged, now, [*faults, *_faults_of_kept(before, changes)])
        if settings == before.settings:
            return stored
        if settings.deployed and not before.settings.deployed:
            _check_has_moved(organization_id, now)
        after = before.changed(settings, now)
        try:
            store.update_project(after, before.version, _entry(entries, AuditAction.PROJECT_UPDATE, after))
            break
        except ChangedMeanwhile:
            if attempt == ATTEMPTS:
                raise
    return after


def remove_project(organization_id: str, project_id: str, entries: Entries, *, even_deployed: bool) -> None:
    """Remove a project, its jobs and the counts of its runs; syncs remove CronJobs, Pods finish, runs and logs stay.

    Raises:
        ProjectNotFound: there is no such project.
        ProjectDeployed: it is deployed, and that matters.
    """
    project = store.get_project(organization_id, project_id)
    if project.settings.deployed and not even_deployed:
        raise ProjectDeployed("The project is deployed; change deployed to false first, and then delete it")
    run_counts.purge_counts(organization_id, project_id)
    store.delete_project(project, _entry(entries, AuditAction.PROJECT_DELETE, project, once="deleted"))


def _settings(document: Mapping[str, Any], now: datetime, also: Sequence[Fault]) -> ProjectSettings:
    """Check a project's settings; `timeout_seconds` stands for the name that is stored.

    Raises:
        InvalidRequest: with what breaks a rule here, and with the faults in `also`.
    """
    said = {name: value for name, value in _stored_names(document).items() if value is not None}
    try:
        settings = ProjectSettings.checked(said)
    except InvalidRequest as error:
        shown = {STORED_TIMEOUT: TIMEOUT_NAME}
        faulty = {fault.field for fault in also}
        found = [Fault(shown.get(one.field, one.field), one.message) for one in error.faults]
        raise InvalidRequest([*also, *(fault for fault in found if fault.field not in faulty)]) from error
    asked = settings.resources
    faults = [
        *also,
        *(
            Fault(".".join(("resources", *fault.path)), fault.message)
            for fault in bound_faults(asked.requests, asked.limits)
        ),
        *_image_faults(settings.image),
    ]
    faults += pauses.end_faults(settings.paused_until, now)
    if faults:
        raise InvalidRequest(faults)
    return settings


def _with_default(document: Mapping[str, Any], project_type: object) -> dict[str, Any]:
    """Store the artifacts of a dbt project where nothing is said; projects from before keep what they have."""
    said = document.get(ARTIFACTS)
    return {**document, ARTIFACTS: project_type == ProjectType.DBT if said is None else said}


def _name_faults(name: object) -> list[Fault]:
    """Return what is wrong with a new project's name by rules that stored names need not obey."""
    try:
        names.check_new_name(name) if isinstance(name, str) else None
    except names.InvalidName as error:
        return [Fault("name", str(error))]
    return []


def _image_faults(image: str) -> list[Fault]:
    try:
        check_image(image)
    except ValueError as error:
        return [Fault("image", str(error))]
    return []


def _kept(project: Project) -> dict[str, Any]:
    return {name: getattr(project.settings, name) for name in UNCHANGEABLE}


def _faults_of_kept(project: Project, changes: Mapping[str, Any]) -> list[Fault]:
    return [
        Fault(name, f"cannot change, since jobs and CronJobs depend on it; it is {str(value)!r}")
        for name, value in _kept(project).items()
        if name in changes and changes[name] != value
    ]


def _named_changes(project: Project, changes: Mapping[str, Any]) -> dict[str, Any]:
    return pauses.without_what_is_over(_stored_names(changes), {}, project.settings.pause_reason)


def _stored_names(document: Mapping[str, Any]) -> dict[str, Any]:
    return {STORED_TIMEOUT if name == TIMEOUT_NAME else name: value for name, value in document.items()}


def _check_has_moved(organization_id: str, now: datetime) -> None:
    """Refuse to deploy while functions may still make CronJobs in a cluster that the organization leaves."""
    organization = store.get_organization(organization_id)
    if organization.leaving_at:
        raise Conflict(f"Organization {organization_id!r} is leaving its cluster; deploy once it has moved")
    moved_at = organization.cluster_since
    if moved_at and now < moved_at + FORGOTTEN:
        until = rfc3339(moved_at + FORGOTTEN)
        raise Conflict(f"Functions may still use the old cluster until {until}; deploy after that")


def _entry(entries: Entries, action: AuditAction, project: Project, *, once: str | None = None) -> StoredEntry:
    return entries(action, project.organization_id, project.id, once=once, project_id=project.id)
