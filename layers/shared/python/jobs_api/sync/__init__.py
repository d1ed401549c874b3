"""Makes a cluster's CronJobs what the tables say they should be, and notes in the tables how that went.

Level-triggered: an event says only where to look. Whatever is found there is put right, however it came about, so
that a lost message, a crash half way or two syncs at once cost at most the time until the next sync of everything.
"""

from collections import Counter
from datetime import datetime

from jobs_api import store
from jobs_api.cluster import Cluster
from jobs_api.errors import NotFound
from jobs_api.k8s import labels
from jobs_api.sync.desired import Scope
from jobs_api.sync.precheck import unsettled
from jobs_api.sync.reconciler import Look

__all__ = ["Scope", "sync"]


def sync(scope: Scope, cluster: Cluster, now: datetime) -> Counter[str]:
    """Bring the CronJobs in scope up to date; return how many were created, replaced, deleted and so on.

    What changes while it looks is looked at once more, and then counted as left. Jobs that are not as they should be
    are counted as failing. A change that fails keeps no other from being made. CronJobs of which the tables know
    nothing stay where they are many, and are counted as held.

    Raises:
        ClusterUnavailable: the cluster did not answer, to all of it or to a part; nothing untrue was noted.
        ClusterRejected: the cluster allows no listing, or no deleting.
    """
    done: Counter[str] = Counter()
    if _has_unmarked(scope.organization_id, cluster, now):
        scope = Scope(organization_id=scope.organization_id)
        scopes = [scope]
    else:
        scopes = unsettled(scope, cluster)
    parts = [_look(part, cluster, now, done) for part in scopes]
    if any(parts):
        _look(Scope(organization_id=scope.organization_id), cluster, now, done)
    if done["adopted"]:
        store.record_label_restored(scope.organization_id, now)
    return done


def _has_unmarked(organization_id: str, cluster: Cluster, now: datetime) -> bool:
    """Tell whether what is listed by its mark may not be all there is. Nothing less than the whole is then looked at.

    A job that is renamed right after an upgrade has its old CronJob, which would go on firing beside the new one. For a
    while a function of the version before may still be at work, so that a CronJob which had a mark has none again.
    """
    try:
        organization = store.recent_organization(organization_id)
    except NotFound:
        return False
    if organization.marked_at is None or not organization.may_have_unlabelled(now):
        return organization.marked_at is None
    return any(
        cluster.list_cronjobs(organization_id, labels.unlabelled_selector({labels.ORGANIZATION: organization_id}))
    )


def _look(scope: Scope, cluster: Cluster, now: datetime, done: Counter[str]) -> bool:
    """Look, and once more where something changed meanwhile; tells whether all of the organization needs a look."""
    for _ in range(2):
        look = Look(scope, cluster, now, done)
        look.run()
        if not look.outdated:
            break
    done["left"] += look.outdated
    return look.needs_whole
