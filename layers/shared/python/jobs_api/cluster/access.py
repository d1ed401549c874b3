"""Connects to an organization's cluster: by JOBS_API_KUBECONFIG where it is set, by EKS everywhere else."""

import os
import ssl
import threading
from functools import cache
from typing import Any, Final

from jobs_api.cluster import eks, lazy_client
from jobs_api.cluster.client import Cluster
from jobs_api.cluster.connection import Connection
from jobs_api.errors import ClusterUnavailable
from jobs_api.model.organization import Organization
from jobs_api.recent import Recent

# A cluster that was created again with the same name has another address and authority. That is noticed when the old
# address does not answer, or rejects the token; while it is only down, EKS is not asked more often than this.
ENDPOINT_SECONDS: Final = 600
ASKED_AGAIN_SECONDS: Final = 20


def connect(organization: Organization) -> Cluster:
    """Return the organization's cluster, each time the same object for the same cluster; nothing is sent to it yet.

    Raises:
        ClusterUnavailable: EKS has no such cluster, or does not answer.
    """
    # Never KUBECONFIG: every shell with kubectl has one, which is not meant for this service.
    kubeconfig = os.environ.get("JOBS_API_KUBECONFIG")
    if kubeconfig:
        return _from_kubeconfig(kubeconfig)
    return _clusters.get(organization.cluster or os.environ["DEFAULT_CLUSTER"])


@cache
def _from_kubeconfig(path: str) -> Cluster:
    configuration, tls = lazy_client.load_kubeconfig(path)
    return Cluster(Connection(configuration, KubeconfigCredentials(path, configuration), tls=tls))


def _from_eks(name: str) -> Cluster:
    """Ask EKS for the address of a cluster; its connections are kept while the address stays the same."""
    endpoint = eks.describe(name)
    known = _made.get(name)
    if known and known[0] == endpoint:
        return known[1]
    configuration = lazy_client.Configuration(host=endpoint.url)
    try:
        tls = lazy_client.trusting(endpoint.certificate_authority.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise ClusterUnavailable("EKS names no certificate authority of this organization's cluster") from error

    def lost() -> None:
        _clusters.forget(name, older_than=ASKED_AGAIN_SECONDS)

    cluster = Cluster(Connection(configuration, EksCredentials(eks.Tokens(name)), lost, tls))
    _made[name] = (endpoint, cluster)
    return cluster


_made: dict[str, tuple[eks.Endpoint, Cluster]] = {}
_clusters: Final = Recent(_from_eks, ENDPOINT_SECONDS)


class KubeconfigCredentials:
    """The token of a kubeconfig; the client asks its exec plugin again when it expires."""

    def __init__(self, path: str, configuration: Any) -> None:
        self._path = path
        self._configuration = configuration
        # The client calls plugins again, and does not keep two threads from doing so at once.
        self._lock = threading.Lock()

    def authorization(self) -> str | None:
        """Return the header's value."""
        with self._lock:
            token: str | None = self._configuration.get_api_key_with_prefix("authorization")
            return token

    def renew(self) -> None:
        """Read the file again: somebody may have logged in again."""
        with self._lock:
            self._configuration, _ = lazy_client.load_kubeconfig(self._path)


class EksCredentials:
    """A token signed with the function's own role."""

    def __init__(self, tokens: eks.Tokens) -> None:
        self._tokens = tokens

    def authorization(self) -> str:
        """Return the header's value."""
        return f"Bearer {self._tokens.current()}"

    def renew(self) -> None:
        """Sign a new token at the next call."""
        self._tokens.forget()
