"""Objects for tests of the API, which start no process, and a check that a call is refused."""

from collections.abc import Callable
from typing import Any

import pytest
from kubernetes import client

type Object = dict[str, Any]


def cron_job(name: str, schedule: str = "0 0 1 1 *", labels: dict[str, str] | None = None) -> Object:
    container = {"name": "main", "image": "python", "command": ["true"]}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name, **({"labels": labels} if labels else {})},
        "spec": {"schedule": schedule, "jobTemplate": {"spec": {"template": template}}},
    }


def suspended_job(name: str) -> Object:
    spec = cron_job(name)["spec"]["jobTemplate"]["spec"]
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {**spec, "suspend": True}}


def config_map(name: str, labels: dict[str, str] | None = None, **data: str) -> Object:
    metadata = {"name": name, "labels": labels or {}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def refused(ask: Callable[[], Any]) -> client.ApiException:
    """Return the call's refusal; fail if it is not refused."""
    with pytest.raises(client.ApiException) as refusal:
        ask()
    return refusal.value
