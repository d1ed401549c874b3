"""Whether the cluster would take a job's pods: one is tried, and none is made.

A CronJob is taken whatever its pods ask for. That a LimitRange, a quota or an admission policy refuses them shows only
when it fires, and then in Events alone. A dry run of a Job does not show it either: its pods are not looked at.
https://kubernetes.io/docs/reference/using-api/api-concepts/#dry-run
"""

import json
import re
import threading
from typing import Final

from aws_lambda_powertools import Logger

from jobs_api.cluster import Cluster, ClusterRejected, Object
from jobs_api.errors import ClusterUnavailable
from jobs_api.k8s.manifests import Manifest

# What the API server says where the rights are those of an earlier release; all else that it refuses is about the pod.
NOT_ALLOWED: Final = re.compile(r'^pods is forbidden: User "[^"]*" cannot ')
# A quota, a limit and a policy forbid, a pod that is none is invalid. What else goes wrong says nothing about the pod.
REFUSALS: Final = frozenset({403, 422})
TRIAL_NAME_LENGTH: Final = 50

logger = Logger()


class Trial:
    """The pods that were tried in one look. Jobs whose pods differ in nothing but what they run are tried once."""

    def __init__(self, cluster: Cluster) -> None:
        """Try pods in a cluster."""
        self._cluster = cluster
        self._known: dict[str, ClusterRejected | None] = {}
        self._trying = threading.Lock()
        self._given_up = False

    def refusal(self, cronjob: Manifest) -> ClusterRejected | None:
        """Return how the cluster refuses a CronJob's pods; None where it takes them, or cannot be asked."""
        pod = pod_of(cronjob)
        alike = kind_of(pod)
        # One after the other: of hundreds that are alike the first is asked about, and the others wait for its answer.
        with self._trying:
            if alike not in self._known and not self._given_up:
                self._known[alike] = self._try(pod)
            return self._known.get(alike)

    def _try(self, pod: Object) -> ClusterRejected | None:
        try:
            self._cluster.try_pod(pod)
        except ClusterUnavailable as error:
            # Nobody else is to wait for it too; who was not tried is not said to be refused.
            self._given_up = True
            logger.warning("A pod could not be tried", error=str(error))
        except ClusterRejected as error:
            if error.status in REFUSALS and not NOT_ALLOWED.match(str(error)):
                return error
            logger.warning("A pod could not be tried", status=error.status, error=str(error))
        return None


def pod_of(cronjob: Manifest) -> Object:
    """Return a pod as the CronJob's Jobs would make it."""
    metadata, template = cronjob["metadata"], cronjob["spec"]["jobTemplate"]["spec"]["template"]
    named = {"generateName": f"{metadata['name'][:TRIAL_NAME_LENGTH]}-", "namespace": metadata["namespace"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {**template["metadata"], **named}, "spec": template["spec"]}


def kind_of(pod: Object) -> str:
    """Return what of a pod admission goes by: all but the command, its variables, and who it is."""
    containers = [
        {field: value for field, value in one.items() if field not in {"command", "env"}}
        for one in pod["spec"]["containers"]
    ]
    return json.dumps({**pod["spec"], "containers": containers}, sort_keys=True)
