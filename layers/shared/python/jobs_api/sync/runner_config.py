"""Keeps the ConfigMap of a namespace that has the runner for Pods, and the address at which it finds the API."""

import os
import time
from typing import Final

from aws_lambda_powertools import Logger

from jobs_api import runner
from jobs_api.cluster import AlreadyExists, Cluster, Object, ObjectNotFound, Stale
from jobs_api.errors import ClusterError
from jobs_api.k8s import labels
from jobs_api.recent import Recent

# How long a correct ConfigMap is not checked again: somebody may change it by hand.
CONFIG_MAP_KEPT_SECONDS: Final = 600

logger = Logger()


def runner_config_map(namespace: str) -> Object:
    """Return the ConfigMap that a namespace with runners should have."""
    ours = {labels.MANAGED_BY: labels.MANAGED_BY_US, labels.DEPLOYMENT: labels.deployment()}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": runner.CONFIG_MAP, "namespace": namespace, "labels": ours},
        "data": {runner.FILE: runner.source(), runner.ADDRESS: os.environ.get("API_URL", "")},
    }


def keep(cluster: Cluster, namespace: str) -> None:
    """Make or correct the ConfigMap; one GET, at most every ten minutes where it is right.

    Where that fails, commands run without a runner, and their artifacts are not stored: so it stops no sync.
    """
    try:
        _right.get((cluster, namespace))
    except ClusterError as error:
        logger.warning("The runner's ConfigMap could not be written", organization_id=namespace, error=str(error))


def _put_in_place(of: tuple[Cluster, str]) -> bool:
    """Return whether the ConfigMap was right already."""
    cluster, namespace = of
    wanted = runner_config_map(namespace)
    try:
        there = cluster.get_config_map(namespace, runner.CONFIG_MAP)
    except ObjectNotFound:
        try:
            cluster.create_config_map(wanted)
        except AlreadyExists:
            return False
        return True
    metadata = there["metadata"]
    theirs = (metadata.get("labels") or {}).get(labels.DEPLOYMENT)
    if theirs != labels.deployment():
        logger.warning("The runner's ConfigMap belongs to %s", theirs, organization_id=namespace)
        return True
    if there.get("data") != wanted["data"]:
        version = {"resourceVersion": metadata["resourceVersion"]}
        try:
            cluster.replace_config_map({**wanted, "metadata": {**wanted["metadata"], **version}})
        except Stale:
            return False
    return True


_right: Final = Recent(_put_in_place, CONFIG_MAP_KEPT_SECONDS, keeps=bool, clock=lambda: time.time())  # noqa: PLW0108 - tests move it
