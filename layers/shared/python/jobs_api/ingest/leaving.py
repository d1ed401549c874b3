"""An organization that leaves its cluster: whether the cluster still has anything of it."""

from datetime import datetime

from jobs_api import store
from jobs_api.cluster import Cluster
from jobs_api.k8s import labels
from jobs_api.model.organization import Organization


def record_if_cleared(organization: Organization, cluster: Cluster, now: datetime) -> None:
    """Record that the cluster has no CronJob of an organization that leaves it, if that is so."""
    if organization.marked_at is None:
        return  # some of them may have no label yet; the next sync handles those
    selector = labels.selector({labels.ORGANIZATION: organization.id})
    if not any(cluster.list_cronjobs(organization.namespace, selector)):
        store.record_cleared(organization.id, now)
