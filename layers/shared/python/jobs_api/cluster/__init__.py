"""The organizations' clusters, in Kubernetes' raw JSON. The only package that knows the Kubernetes client.

Must not know the tables, or why a caller asks.
"""

from jobs_api.cluster.access import connect
from jobs_api.cluster.client import Cluster
from jobs_api.cluster.errors import AlreadyExists, ClusterRejected, ObjectNotFound, Stale
from jobs_api.cluster.lists import Object
from jobs_api.errors import ClusterError, ClusterUnavailable

__all__ = [
    "AlreadyExists",
    "Cluster",
    "ClusterError",
    "ClusterRejected",
    "ClusterUnavailable",
    "Object",
    "ObjectNotFound",
    "Stale",
    "connect",
]
