"""The organizations' clusters, in Kubernetes' raw JSON. The only package that knows the Kubernetes client."""

from jobs_api.cluster.access import connect
from jobs_api.cluster.client import Cluster, Object
from jobs_api.cluster.refusals import AlreadyExists, ClusterRejected, ObjectNotFound, Stale

__all__ = [
    "AlreadyExists",
    "Cluster",
    "ClusterRejected",
    "Object",
    "ObjectNotFound",
    "Stale",
    "connect",
]
