"""The calls of this service to a cluster: CronJobs, Jobs, Pods and their logs, as the API server's own JSON."""

from typing import Final

from jobs_api.cluster.calls import CORE, path_of
from jobs_api.cluster.cronjob_calls import CronJobCalls
from jobs_api.cluster.job_calls import JobCalls
from jobs_api.cluster.lists import Object
from jobs_api.cluster.log_calls import LogCalls
from jobs_api.cluster.pod_calls import PodCalls
from jobs_api.errors import ClusterUnavailable

ISSUER: Final = "/.well-known/openid-configuration"
ISSUER_KEYS: Final = "/openid/v1/jwks"


class Cluster(CronJobCalls, JobCalls, PodCalls, LogCalls):
    """One cluster. Threads may share it.

    Every method raises ClusterUnavailable where the cluster does not answer or is not able to now, and ClusterRejected
    (or ObjectNotFound, AlreadyExists, Stale) where it refuses. Objects are dictionaries, as the API server writes them;
    objects in lists have no `kind` and `apiVersion`.
    """

    def issuer(self) -> str:
        """Return who issues the tokens of the cluster's service accounts: the `iss` in them."""
        found = self._get(ISSUER).get("issuer")
        if not isinstance(found, str) or not found:
            raise ClusterUnavailable("The cluster of this organization does not say who issues its tokens")
        return found

    def issuer_keys(self) -> list[Object]:
        """Return the issuer's public keys, as JSON Web Keys."""
        found = self._get(ISSUER_KEYS).get("keys")
        return found if isinstance(found, list) else []

    def get_config_map(self, namespace: str, name: str) -> Object:
        """Return a ConfigMap; raises ObjectNotFound."""
        return self._get(path_of(CORE, namespace, "configmaps", name))

    def create_config_map(self, config_map: Object) -> Object:
        """Create a ConfigMap and return it as stored; raises AlreadyExists."""
        return self._create(CORE, "configmaps", config_map)

    def replace_config_map(self, config_map: Object) -> Object:
        """Replace a ConfigMap, if `metadata.resourceVersion` is still its own; raises Stale, ObjectNotFound."""
        return self._replace(CORE, "configmaps", config_map)
