"""What the tables know of projects and jobs that CronJobs and Jobs in a cluster say they belong to.

Only syncs and ingests ask this, so that other functions do not load it.
"""

from collections.abc import Iterable

from jobs_api.errors import ProjectNotFound
from jobs_api.projects import ProjectSettings
from jobs_api.removals import ProjectRecord
from jobs_api.store.job_versions import list_job_versions
from jobs_api.store.projects import ID, PAST_POINTER, partition_of
from jobs_api.store.tables import DELETED_JOB, JOB, META, PAST_JOB, ProjectRow, ProjectsRow

type JobKey = tuple[str, str]

# Whose rows tell that there is a job, or was.
KINDS = (JOB, PAST_JOB, DELETED_JOB)


def project_record(organization_id: str, project_id: str) -> ProjectRecord:
    """Return what there is of a project; an id that cannot be one has no record. One BatchGetItem, two Queries or more.

    The project is read before its jobs, and both after whatever is in the cluster was listed: what they say is at
    least as new as that.
    """
    try:
        partition = partition_of(organization_id, project_id)
    except ProjectNotFound:
        return ProjectRecord()
    keys = [(partition, META), (organization_id, PAST_POINTER + project_id)]
    rows = {row.sort: row for row in ProjectsRow.batch_get(keys, consistent_read=True)}
    project = rows.get(META)
    return ProjectRecord(
        version=int(project.version) if isinstance(project, ProjectRow) else None,
        deployed=isinstance(project, ProjectRow) and ProjectSettings.model_validate(project.settings).deployed,
        deleted=PAST_POINTER + project_id in rows,
        jobs={job.id: job for job in list_job_versions(organization_id, project_id)},
        deleted_jobs=frozenset(_deleted_jobs(partition)),
    )


def known_jobs(organization_id: str, jobs: Iterable[JobKey]) -> set[JobKey]:
    """Return those of (project id, job id) that there are or were. One BatchGetItem for each 25 or so."""
    asked = [(project, job) for project, job in set(jobs) if ID.fullmatch(project) and ID.fullmatch(job)]
    keys = {(partition_of(organization_id, project), kind + job) for project, job in asked for kind in KINDS}
    pointers = {(organization_id, PAST_POINTER + project) for project, _ in asked}
    rows = ProjectsRow.batch_get([*keys, *pointers], consistent_read=True) if asked else []
    found = {(row.partition, row.sort) for row in rows}
    return {
        (project, job)
        for project, job in asked
        if (organization_id, PAST_POINTER + project) in found
        or any((partition_of(organization_id, project), kind + job) in found for kind in KINDS)
    }


def _deleted_jobs(partition: str) -> Iterable[str]:
    for kind in (PAST_JOB, DELETED_JOB):
        for row in ProjectsRow.query(partition, ProjectsRow.sort.startswith(kind), consistent_read=True):
            yield row.sort.removeprefix(kind)
