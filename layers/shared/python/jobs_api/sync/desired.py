"""The desired state of a cluster: which jobs a message is about, and the CronJobs that they should have."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from aws_lambda_powertools import Logger
from pydantic import BaseModel, ConfigDict

from jobs_api import store
from jobs_api.aws.encryption import CannotOpen
from jobs_api.errors import NotFound
from jobs_api.k8s import labels, manifests
from jobs_api.k8s.pod_template import Manifest
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.sealing import environment
from jobs_api.sync.pace import WORKERS

type Wanted = tuple[Project, Job]

logger = Logger()


class Scope(BaseModel):
    """The scope of a comparison: an organization, one project of it, or one job."""

    model_config = ConfigDict(frozen=True)

    organization_id: str
    project_id: str | None = None
    job_id: str | None = None

    @property
    def selector(self) -> str:
        """The label selector for everything in it."""
        ids = {labels.PROJECT_ID: self.project_id, labels.JOB_ID: self.job_id}
        return labels.selector({label: value for label, value in ids.items() if value})


def read(scope: Scope) -> Iterator[Wanted]:
    """Yield the jobs in scope that should have a CronJob, each with its project, both read at the same time."""
    try:
        if scope.project_id is None:
            for project in store.list_projects(scope.organization_id):
                if project.settings.deployed:
                    yield from read(scope.model_copy(update={"project_id": project.id}))
            return
        if scope.job_id is None:
            project, jobs = store.list_jobs(scope.organization_id, scope.project_id)
        else:
            project, job = store.get_job(scope.organization_id, scope.project_id, scope.job_id)
            jobs = [job]
    except NotFound:
        return  # deleted since, so nothing of it should be in the cluster
    if project.settings.deployed:
        yield from ((project, job) for job in jobs)


class Manifests(Mapping[str, Manifest]):
    """The CronJobs of jobs, each made when it is read: so thousands of them are never in memory at once.

    The sealed values of their environments are decrypted first, in parallel. Where that failed, the job is in
    `unopened`, its manifest has masks in place of values, and must not be sent anywhere.
    """

    def __init__(self, jobs: Mapping[str, Wanted], now: datetime) -> None:
        self._jobs = jobs
        self._now = now
        self._opened: dict[str, Mapping[str, str]] = {}
        self.unopened: set[str] = set()
        sealed = [name for name, (_, job) in jobs.items() if job.sealed_environment]
        if sealed:
            with ThreadPoolExecutor(WORKERS, thread_name_prefix="open") as pool:
                list(pool.map(self._open, sealed))

    def _open(self, name: str) -> None:
        try:
            self._opened[name] = environment.opened_of(self._jobs[name][1])
        except CannotOpen as error:
            job_id = self._jobs[name][1].id
            logger.warning("the sealed values of an environment cannot be decrypted", job_id=job_id, error=str(error))
            self.unopened.add(name)

    def __getitem__(self, name: str) -> Manifest:
        return manifests.cronjob(*self._jobs[name], self._now, self._opened.get(name, {}))

    def __contains__(self, name: object) -> bool:
        return name in self._jobs

    def __iter__(self) -> Iterator[str]:
        return iter(self._jobs)

    def __len__(self) -> int:
        return len(self._jobs)
