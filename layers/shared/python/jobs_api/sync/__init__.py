"""Makes a cluster's CronJobs what the tables say they should be, and records in the tables how that went.

Level-triggered: a message only says what to compare. A sync corrects every difference, whatever its cause.
So a lost message, a crash or two syncs at once delay a change at most until the next sync of everything.
Must not know runs or HTTP.
"""

from collections import Counter
from datetime import datetime

from jobs_api import store
from jobs_api.cluster import Cluster
from jobs_api.errors import NotFound
from jobs_api.k8s import labels
from jobs_api.sync.comparison import Comparison
from jobs_api.sync.desired import Scope
from jobs_api.sync.precheck import unsettled

__all__ = ["Scope", "sync"]


def sync(scope: Scope, cluster: Cluster, now: datetime) -> Counter[str]:
    """Make the CronJobs in scope match the tables; return how many were created, replaced, deleted and so on.

    Where something changes during a sync, it is repeated once; what then still changes is counted as left. Jobs that
    are not as they should be are counted as failing. A change that fails stops no other. Where many CronJobs are
    unknown to the tables, they are not removed, but counted as held.

    Raises:
        ClusterUnavailable: the cluster did not answer some or all of the calls; nothing untrue was recorded.
        ClusterRejected: this service may not list CronJobs, or not delete them.
    """
    done: Counter[str] = Counter()
    if _has_unlabelled(scope.organization_id, cluster, now):
        scope = Scope(organization_id=scope.organization_id)
        scopes = [scope]
    else:
        scopes = unsettled(scope, cluster, now)
    parts = [_compare(part, cluster, now, done) for part in scopes]
    if any(parts):
        _compare(Scope(organization_id=scope.organization_id), cluster, now, done)
    if done["adopted"]:
        store.record_label_restored(scope.organization_id, now)
    return done


def _has_unlabelled(organization_id: str, cluster: Cluster, now: datetime) -> bool:
    """Return whether there may be CronJobs that a list by the deployment label leaves out; if so, all are compared.

    Right after an upgrade, a renamed job still has its old CronJob, which would fire beside the new one. For a while a
    function of the earlier version may also run, and write a CronJob without the label.
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


def _compare(scope: Scope, cluster: Cluster, now: datetime, done: Counter[str]) -> bool:
    """Compare, and repeat that once where something changed meanwhile; return whether all has to be compared."""
    for _ in range(2):
        comparison = Comparison(scope, cluster, now, done)
        comparison.run()
        if not comparison.progress.outdated:
            break
    done["left"] += comparison.progress.outdated
    return comparison.progress.needs_whole
