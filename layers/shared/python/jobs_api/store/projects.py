"""Projects in the table: made, changed and removed by operators, read by every call on a job."""

import re
from contextlib import suppress

from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from jobs_api.errors import ChangedMeanwhile, Conflict, NameTaken, ProjectNotFound
from jobs_api.model.audit import StoredEntry
from jobs_api.model.firing_history import PausedSpan, PauseHistory
from jobs_api.model.periods import Period
from jobs_api.model.project import Project, ProjectSettings
from jobs_api.store import audit
from jobs_api.store.audit_rows import EntryRow
from jobs_api.store.older_names import held_by_older, kept_slug
from jobs_api.store.project_rows import (
    CRONJOB_LOCK,
    META,
    NAME_LOCK,
    JobRow,
    LockRow,
    PointerRow,
    ProjectRow,
    ProjectsRow,
)
from jobs_api.store.transactions import ConditionFailed, write_all

ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
POINTER = "project#"
# A record that the project existed, because its runs may outlive it.
PAST_POINTER = "past_project#"


def partition_of(organization_id: str, project_id: str) -> str:
    """Return a project's partition key; what cannot be an id is not found rather than asked for."""
    if not ID.fullmatch(project_id):
        raise ProjectNotFound(project_id)
    return f"{organization_id}/{project_id}"


def create_project(project: Project, entry: StoredEntry | None = None) -> None:
    """Write a new project, in one transaction with the entry of the audit log.

    Raises:
        NameTaken: the organization has a project with the same slug.
        Conflict: it has one with the same id.
    """
    slug = project.slug
    organization_id, name = project.organization_id, project.settings.name
    if held_by_older(organization_id, name, project.id, lambda id_: (f"{organization_id}/{id_}", META)):
        raise NameTaken("There is a project of this name already")
    lock = LockRow(project.organization_id, NAME_LOCK + slug, holder=project.id)
    pointer = PointerRow(project.organization_id, POINTER + project.id)
    row = _row(project)
    row.job_count = 0

    def fill(transaction: TransactWrite) -> None:
        transaction.save(lock, condition=LockRow.partition.does_not_exist())
        transaction.save(pointer, condition=PointerRow.partition.does_not_exist())
        transaction.save(row, condition=ProjectRow.partition.does_not_exist())

    try:
        audit.write_with(entry, fill)
    except ConditionFailed as error:
        if 0 in error.at:
            raise NameTaken(f"There is a project with the slug {slug!r} already") from error
        raise Conflict(f"There is a project with the id {project.id!r} already") from error


def get_project(organization_id: str, project_id: str) -> Project:
    """Return a project; raises ProjectNotFound. One GetItem."""
    try:
        row = ProjectsRow.get(partition_of(organization_id, project_id), META, consistent_read=True)
    except ProjectsRow.DoesNotExist as error:
        raise ProjectNotFound(project_id) from error
    return project_of(row, organization_id)


def list_projects(organization_id: str) -> list[Project]:
    """Return all projects of an organization, oldest first. One Query, and a BatchGetItem per 100 projects."""
    pointers = ProjectsRow.query(organization_id, ProjectsRow.sort.startswith(POINTER), consistent_read=True)
    keys = [(f"{organization_id}/{row.sort.removeprefix(POINTER)}", META) for row in pointers]
    rows = ProjectsRow.batch_get(keys, consistent_read=True) if keys else []
    return sorted((project_of(row, organization_id) for row in rows), key=lambda p: (p.created_at, p.id))


def update_project(project: Project, expected_version: int, entry: StoredEntry | None = None) -> None:
    """Replace a project's settings; its name stays, since its jobs' CronJobs are named after it. One transaction.

    Raises:
        ChangedMeanwhile: it is no longer at the expected version.
    """
    row, unchanged = _row(project), ProjectRow.version == expected_version
    actions: list[Action] = [
        ProjectRow.settings.set(row.settings),
        ProjectRow.version.set(row.version),
        ProjectRow.updated_at.set(row.updated_at),
        ProjectRow.fired.set(row.fired),
        ProjectRow.pauses.set(row.pauses) if row.pauses else ProjectRow.pauses.remove(),
        *([ProjectRow.fires_since.set(row.fires_since)] if row.fires_since else []),
    ]
    try:
        audit.write_with(entry, lambda transaction: transaction.update(row, actions=actions, condition=unchanged))
    except ConditionFailed as error:
        raise ChangedMeanwhile(f"Project {project.id!r} was changed meanwhile; try again") from error


def delete_project(project: Project, entry: StoredEntry | None = None) -> None:
    """Remove a project, its jobs and every lock on their names; its runs stay. Finishes an earlier call that died.

    A lock goes before the job it is for, and the project, the lock on its name and its pointer last and together, so
    that what is half deleted is still found. The entry of the audit log is written with the first step, and only once.
    """
    partition = partition_of(project.organization_id, project.id)
    past = PointerRow(project.organization_id, PAST_POINTER + project.id)

    def begin(transaction: TransactWrite) -> None:
        transaction.save(past)
        if entry:
            transaction.save(audit.row_of(entry), condition=EntryRow.partition.does_not_exist())

    # If the entry exists, an earlier try wrote both.
    with suppress(ConditionFailed):
        write_all(begin)
    _delete_contents(project.organization_id, partition)

    def end(transaction: TransactWrite) -> None:
        transaction.delete(ProjectsRow(partition, META))
        transaction.delete(ProjectsRow(project.organization_id, NAME_LOCK + project.slug))
        transaction.delete(ProjectsRow(project.organization_id, POINTER + project.id))

    write_all(end)
    # Jobs could be created until the project was gone.
    _delete_contents(project.organization_id, partition)


def _delete_contents(organization_id: str, partition: str) -> None:
    """Remove all of a project but its own item, a lock on a CronJob's name before the job that it is for."""
    for row in ProjectsRow.query(partition, ProjectsRow.sort < META, consistent_read=True):
        if isinstance(row, JobRow):
            ProjectsRow(organization_id, CRONJOB_LOCK + row.cronjob_name).delete()
        row.delete()
    for row in ProjectsRow.query(partition, ProjectsRow.sort > META, consistent_read=True):
        row.delete()


def past_projects(organization_id: str) -> list[str]:
    """Return the ids of an organization's projects that were deleted; their runs may still be kept."""
    pointers = ProjectsRow.query(organization_id, ProjectsRow.sort.startswith(PAST_POINTER), consistent_read=True)
    return [row.sort.removeprefix(PAST_POINTER) for row in pointers]


def forget_past_project(organization_id: str, project_id: str) -> None:
    """Remove what is left of a deleted project, once its runs are gone."""
    ProjectsRow(organization_id, PAST_POINTER + project_id).delete()


def project_of(row: ProjectsRow, organization_id: str) -> Project:
    """Read a project out of its row."""
    if not isinstance(row, ProjectRow):
        raise TypeError(f"{row.partition} {row.sort} is not a project")
    return Project.known(
        id=row.partition.removeprefix(f"{organization_id}/"),
        organization_id=organization_id,
        settings=ProjectSettings.model_validate(row.settings),
        kept_slug=kept_slug(row.slug, row.settings["name"]),
        cursor_key=row.cursor_key,
        version=int(row.version),
        created_at=row.created_at,
        updated_at=row.updated_at,
        fires_since=row.fires_since,
        fired=[Period.model_validate(period) for period in row.fired or ()],
        pauses=PauseHistory[PausedSpan].model_validate(row.pauses or {}),
        runs_indexed=bool(row.runs_indexed),
        chain_edits=int(row.chain_edits or 0),
    )


def _row(project: Project) -> ProjectRow:
    return ProjectRow(
        partition_of(project.organization_id, project.id),
        META,
        settings=project.settings.model_dump(mode="json"),
        slug=project.slug,
        version=project.version,
        cursor_key=project.cursor_key,
        created_at=project.created_at,
        updated_at=project.updated_at,
        fires_since=project.fires_since,
        fired=[period.model_dump(mode="json") for period in project.fired],
        pauses=project.pauses.model_dump(mode="json") or None,
        runs_indexed=project.runs_indexed or None,
    )
