"""Whether the cluster would accept a job's Pods: a Pod is sent as a dry run, so that none is created.

The cluster accepts a CronJob whatever its Pods request. Whether a LimitRange, a quota or an admission policy refuses
the Pods shows only when it fires, and then only in Events. A dry run of a Job does not show it: it checks no Pods.
https://kubernetes.io/docs/reference/using-api/api-concepts/#dry-run
"""

import json
import re
import threading
from typing import Final

from aws_lambda_powertools import Logger

from jobs_api.cluster import Cluster, ClusterRejected, Object
from jobs_api.errors import ClusterUnavailable
from jobs_api.k8s.pod_template import Manifest

# The API server's message if the rights are those of an earlier release; every other refusal is about the Pod.
NOT_ALLOWED: Final = re.compile(r'^pods is forbidden: User "[^"]*" cannot ')
# Quotas, limits and policies forbid a Pod; a wrong Pod is invalid. Other errors say nothing about the Pod.
REFUSALS: Final = frozenset({403, 422})
TRIAL_NAME_LENGTH: Final = 50

logger = Logger()


class Trial:
    """The Pods that one sync has tried. Where Pods differ only in their command and names, one of them is tried."""

    def __init__(self, cluster: Cluster) -> None:
        """Try pods in a cluster."""
        self._cluster = cluster
        self._known: dict[str, ClusterRejected | None] = {}
        self._trying = threading.Lock()
        self._given_up = False

    def refusal(self, cronjob: Manifest) -> ClusterRejected | None:
        """Return the error with which the cluster refuses a CronJob's Pods; None where it accepts them, or fails."""
        pod = pod_of(cronjob)
        alike = kind_of(pod)
        # One after the other: the first of hundreds of equal Pods is tried, and the others wait for its answer.
        with self._trying:
            if alike not in self._known and not self._given_up:
                self._known[alike] = self._try(pod)
            return self._known.get(alike)

    def _try(self, pod: Object) -> ClusterRejected | None:
        try:
            self._cluster.try_pod(pod)
        except ClusterUnavailable as error:
            # No other thread should wait for it too. A Pod that was not tried does not count as refused.
            self._given_up = True
            logger.warning("A pod could not be tried", error=str(error))
        except ClusterRejected as error:
            if error.status in REFUSALS and not NOT_ALLOWED.match(str(error)):
                return error
            logger.warning("A pod could not be tried", status=error.status, error=str(error))
        return None


def pod_of(cronjob: Manifest) -> Object:
    """Return a Pod as the CronJob's Jobs would create it."""
    metadata, template = cronjob["metadata"], cronjob["spec"]["jobTemplate"]["spec"]["template"]
    named = {"generateName": f"{metadata['name'][:TRIAL_NAME_LENGTH]}-", "namespace": metadata["namespace"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {**template["metadata"], **named}, "spec": template["spec"]}


def kind_of(pod: Object) -> str:
    """Return the part of a Pod that admission depends on: all but the command, its variables and its names."""
    containers = [
        {field: value for field, value in one.items() if field not in {"command", "env"}}
        for one in pod["spec"]["containers"]
    ]
    return json.dumps({**pod["spec"], "containers": containers}, sort_keys=True)
