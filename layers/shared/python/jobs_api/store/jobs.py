"""Jobs as they are in the table; each list is proven to be of its tenant. `store.job_writing` changes them."""

from collections.abc import Iterable

from jobs_api.errors import JobNotFound, ProjectNotFound
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.store.job_items import job_of
from jobs_api.store.project_rows import (
    JOB,
    META,
    ProjectsRow,
)
from jobs_api.store.projects import ID, partition_of, project_of


def list_jobs(organization_id: str, project_id: str) -> tuple[Project, list[Job]]:
    """Return a project and its jobs, oldest first; raises ProjectNotFound. One Query."""
    partition = partition_of(organization_id, project_id)
    rows = list(ProjectsRow.query(partition, ProjectsRow.sort <= META, consistent_read=True))
    if not rows or rows[-1].sort != META:
        raise ProjectNotFound(project_id)
    project = project_of(rows.pop(), organization_id)
    jobs = [job_of(row, project) for row in rows]
    return project, sorted(jobs, key=lambda job: (job.created_at, job.id))


def get_job(organization_id: str, project_id: str, job_id: str) -> tuple[Project, Job]:
    """Return a project and one of its jobs; raises ProjectNotFound, JobNotFound. One BatchGetItem."""
    partition = partition_of(organization_id, project_id)
    keys = [(partition, META)] + ([(partition, JOB + job_id)] if ID.fullmatch(job_id) else [])
    rows = {row.sort: row for row in ProjectsRow.batch_get(keys, consistent_read=True)}
    if META not in rows:
        raise ProjectNotFound(project_id)
    if JOB + job_id not in rows:
        raise JobNotFound(job_id)
    project = project_of(rows[META], organization_id)
    return project, job_of(rows[JOB + job_id], project)


def jobs_with_projects(organization_id: str, jobs: Iterable[tuple[str, str]]) -> dict[str, tuple[Project, Job]]:
    """Return those jobs that exist, by id, with their projects. One BatchGetItem per 100 items, each read once.

    `jobs` names each by its project's id and its own.
    """
    named = [(partition_of(organization_id, project_id), job_id) for project_id, job_id in jobs if ID.fullmatch(job_id)]
    keys = dict.fromkeys(
        [*((partition, JOB + job_id) for partition, job_id in named), *((at, META) for at, _ in named)]
    )
    rows = {(row.partition, row.sort): row for row in ProjectsRow.batch_get(list(keys), consistent_read=True)}
    found: dict[str, tuple[Project, Job]] = {}
    for partition, job_id in named:
        project, row = rows.get((partition, META)), rows.get((partition, JOB + job_id))
        if project and row:
            read = project_of(project, organization_id)
            found[job_id] = read, job_of(row, read)
    return found


def find_jobs(organization_id: str, project_id: str, job_ids: Iterable[str]) -> dict[str, Job]:
    """Return those of a project's jobs that exist, by id; raises ProjectNotFound. One BatchGetItem per 100."""
    partition = partition_of(organization_id, project_id)
    keys = [(partition, META), *((partition, JOB + job_id) for job_id in job_ids if ID.fullmatch(job_id))]
    rows = {row.sort: row for row in ProjectsRow.batch_get(keys, consistent_read=True)}
    if META not in rows:
        raise ProjectNotFound(project_id)
    project = project_of(rows.pop(META), organization_id)
    return {job.id: job for job in (job_of(row, project) for row in rows.values())}
