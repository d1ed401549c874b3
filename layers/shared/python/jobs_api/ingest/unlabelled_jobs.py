"""Adopts the Jobs from before there was a label for the deployment, in organizations that may still have some."""

from collections.abc import Iterator

from aws_lambda_powertools import Logger

from jobs_api.cluster import Cluster, ClusterRejected
from jobs_api.k8s import labels, run_identity
from jobs_api.k8s.json_fields import Object
from jobs_api.model.organization import Organization
from jobs_api.store import project_records

logger = Logger()


def adopted_jobs(organization: Organization, cluster: Cluster) -> Iterator[list[Object]]:
    """Yield an organization's Jobs from before the deployment label, and give each the label."""
    selector = labels.unlabelled_selector({labels.ORGANIZATION: organization.id})
    for page in cluster.list_jobs(organization.namespace, selector):
        jobs = [job for job in page if run_identity.is_run(job)]
        known = project_records.known_jobs(organization.id, map(run_identity.owner_of, jobs))
        yield [_adopted(job, cluster) for job in jobs if run_identity.owner_of(job) in known]


def _adopted(job: Object, cluster: Cluster) -> Object:
    """Label a Job, so that the next list contains it. Where it has changed meanwhile, the next pass labels it."""
    try:
        return cluster.replace_job(run_identity.adopted(job))
    except ClusterRejected as error:
        logger.warning("a Job was not labelled", subject=job["metadata"]["name"], error=str(error))
        return job
