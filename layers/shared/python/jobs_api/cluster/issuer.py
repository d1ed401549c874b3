"""The issuer of a cluster's service-account tokens: its name and its public keys, as the API server serves them.

Any cluster from 1.21 serves both, EKS too, to each client with the right to `get` these two paths.
So no address outside the cluster has to be reached, and the keys come over the connection that is trusted already.
https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#service-account-issuer-discovery
"""

import threading
import time
from collections.abc import Callable
from typing import Final

from jobs_api.auth.rsa_signatures import PublicKey
from jobs_api.cluster.client import Cluster
from jobs_api.recent import Recent

# EKS rotates its keys about once a week, and publishes a new one before it signs with it.
ISSUER_KEPT_SECONDS: Final = 600
# How often a token with an unknown key may have the keys read again: anybody can make up an id.
KEYS_READ_AGAIN_SECONDS: Final = 30
MOST_ISSUER_KEYS: Final = 32


class Issuer:
    """The issuer of one cluster. Threads may share it.

    Every method raises ClusterUnavailable or ClusterRejected where the cluster does not say.
    """

    def __init__(self, cluster: Cluster, clock: Callable[[], float] = time.time) -> None:
        """Read nothing yet; `clock` returns seconds."""
        self._cluster = cluster
        self._known: Recent[str, tuple[str, dict[str, PublicKey]]] = Recent(
            lambda _: self._read(), ISSUER_KEPT_SECONDS, clock=clock
        )
        self._reading = threading.Lock()

    @property
    def name(self) -> str:
        """Return the issuer's name, the `iss` of its tokens."""
        return self._get()[0]

    def key(self, key_id: str) -> PublicKey | None:
        """Return a key by its id; an unknown id has the keys read again, but not often."""
        found = self._get()[1].get(key_id)
        if found is None:
            self._known.forget("", older_than=KEYS_READ_AGAIN_SECONDS)
            found = self._get()[1].get(key_id)
        return found

    def _get(self) -> tuple[str, dict[str, PublicKey]]:
        with self._reading:
            return self._known.get("")

    def _read(self) -> tuple[str, dict[str, PublicKey]]:
        name, listed = self._cluster.issuer(), self._cluster.issuer_keys()
        keys = {str(one.get("kid")): PublicKey.of(one) for one in listed[:MOST_ISSUER_KEYS] if isinstance(one, dict)}
        return name, {key_id: key for key_id, key in keys.items() if key}


def issuer_of(cluster: Cluster) -> Issuer:
    """Return a cluster's issuer, each time the same for the same cluster."""
    if (known := _issuers.get(id(cluster))) and known[0] is cluster:
        return known[1]
    made = Issuer(cluster)
    if len(_issuers) >= MOST_ISSUER_KEYS:
        _issuers.clear()
    _issuers[id(cluster)] = (cluster, made)
    return made


_issuers: Final[dict[int, tuple[Cluster, Issuer]]] = {}
