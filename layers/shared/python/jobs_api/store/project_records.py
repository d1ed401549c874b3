"""Reads the records of the projects and jobs that are named in the labels of CronJobs and Jobs.

Only syncs and ingests use this, so other functions do not load it.
"""

from collections.abc import Iterable

from jobs_api.errors import ProjectNotFound
from jobs_api.model.project import ProjectSettings
from jobs_api.model.project_record import ProjectRecord
from jobs_api.store.project_rows import DELETED_JOB, JOB, META, PAST_JOB, JobRow, ProjectRow, ProjectsRow
from jobs_api.store.projects import ID, PAST_POINTER, partition_of

type JobKey = tuple[str, str]

# The rows that show that a job exists or existed.
KINDS = (JOB, PAST_JOB, DELETED_JOB)


def project_record(organization_id: str, project_id: str, job_ids: Iterable[str]) -> ProjectRecord:
    """Return the records of a project and of some jobs; malformed ids have no record.

    One BatchGetItem, and one more for each 33 jobs. The project is read before its jobs, and both after the cluster was
    listed, so the records are at least as new as that list.
    """
    try:
        partition = partition_of(organization_id, project_id)
    except ProjectNotFound:
        return ProjectRecord()
    pointer = PAST_POINTER + project_id
    rows = {row.sort: row for row in _read([(partition, META), (organization_id, pointer)])}
    project = rows.get(META)
    if pointer in rows:
        return ProjectRecord(deleted=True)
    found = list(_read([(partition, kind + job) for job in set(job_ids) if ID.fullmatch(job) for kind in KINDS]))
    jobs = {row.sort.removeprefix(JOB): int(row.version) for row in found if type(row) is JobRow}
    return ProjectRecord(
        version=int(project.version) if isinstance(project, ProjectRow) else None,
        deployed=isinstance(project, ProjectRow) and ProjectSettings.model_validate(project.settings).deployed,
        jobs=jobs,
        deleted_jobs={row.sort.partition("#")[2] for row in found} - jobs.keys(),
    )


def known_jobs(organization_id: str, jobs: Iterable[JobKey]) -> set[JobKey]:
    """Return those of (project id, job id) that exist or existed. One BatchGetItem for about each 25."""
    asked = [(project, job) for project, job in set(jobs) if ID.fullmatch(project) and ID.fullmatch(job)]
    keys = {(partition_of(organization_id, project), kind + job) for project, job in asked for kind in KINDS}
    pointers = {(organization_id, PAST_POINTER + project) for project, _ in asked}
    found = {(row.partition, row.sort) for row in _read([*keys, *pointers])}
    return {
        (project, job)
        for project, job in asked
        if (organization_id, PAST_POINTER + project) in found
        or any((partition_of(organization_id, project), kind + job) in found for kind in KINDS)
    }


def _read(keys: list[tuple[str, str]]) -> Iterable[ProjectsRow]:
    return ProjectsRow.batch_get(keys, consistent_read=True) if keys else []
