"""Jobs and Pods as an API server writes them, for tests of code that reads them."""

from datetime import datetime, timedelta
from typing import Any

from jobs_api.k8s import labels

type Object = dict[str, Any]

TWO = datetime.fromisoformat("2026-04-28T02:00:00Z")
UID = "5f0a7f4e-8d3f-4c43-9a3c-7d1f0c6b2a11"
OWNERS = {
    labels.MANAGED_BY: labels.MANAGED_BY_US,
    labels.DEPLOYMENT: labels.deployment(),
    labels.ORGANIZATION: "org-acme",
    labels.PROJECT: "jaffle",
    labels.PROJECT_ID: "proj_jaffle",
    labels.JOB_ID: "job_nightly",
}


def at(seconds: float) -> str:
    """Return the text of the time so many seconds after two o'clock."""
    return (TWO + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def job(*conditions: Object, run_id: str | None = None, **status: Any) -> Object:
    """Return a CronJob's Job that was created at two, or with `run_id` a manual run's."""
    found = OWNERS | {labels.TRIGGERED_BY: "manual" if run_id else "scheduled"}
    metadata: Object = {
        "name": "jaffle-nightly-29622840",
        "namespace": "org-acme",
        "uid": UID,
        "creationTimestamp": at(0),
        "resourceVersion": "17",
        "labels": found | ({labels.RUN_ID: run_id} if run_id else {}),
        "annotations": {labels.COMMAND: "dbt build", labels.JOB_TYPE: "build"},
    }
    if run_id:
        metadata["name"] = "jaffle-nightly-20260428-020000"
    else:
        metadata["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"] = at(0)
        metadata["ownerReferences"] = [{"kind": "CronJob", "name": "jaffle-nightly", "controller": True}]
    template = {"spec": {"containers": [{"name": "job", "image": "dbt:1.10"}]}}
    return {
        "metadata": metadata,
        "spec": {"activeDeadlineSeconds": 86_400, "template": template},
        "status": {"startTime": at(0), "conditions": list(conditions), **status},
    }


def complete(seconds: float = 754) -> Object:
    """Return a Job that is Complete."""
    return job({"type": "Complete", "status": "True"}, completionTime=at(seconds), succeeded=1)


def failed(reason: str = "BackoffLimitExceeded", message: str = "Job has reached the limit", at_: float = 60) -> Object:
    """Return a Job that is Failed."""
    stated = {"type": "Failed", "status": "True", "reason": reason, "message": message}
    return job({**stated, "lastTransitionTime": at(at_)}, failed=1)


def pod(state: Object | None = None, **status: Any) -> Object:
    """Return the Job's Pod, with its container in a state."""
    statuses = [{"name": "job", "image": "dbt:1.10", "state": state}] if state else []
    return {
        "metadata": {
            "name": "jaffle-nightly-29622840-x7k2p",
            "namespace": "org-acme",
            "uid": "pod",
            "creationTimestamp": at(1),
            "labels": {"batch.kubernetes.io/controller-uid": UID},
        },
        "spec": {"containers": [{"name": "job", "image": "dbt:1.10", "resources": {"limits": {"memory": "512Mi"}}}]},
        "status": {"phase": "Pending", "startTime": at(1), "containerStatuses": statuses, **status},
    }


def waits(reason: str, message: str = "") -> Object:
    """Return the state of a container that has not started."""
    return {"waiting": {"reason": reason, **({"message": message} if message else {})}}


def runs() -> Object:
    """Return the state of a container that was started after three seconds."""
    return {"running": {"startedAt": at(3)}}


def ended(exit_code: int, reason: str | None = None, message: str = "", seconds: float = 50) -> Object:
    """Return the state of a container that has ended."""
    told = {"exitCode": exit_code, "reason": reason or ("Error" if exit_code else "Completed")}
    times = {"startedAt": at(3), "finishedAt": at(seconds)}
    return {"terminated": told | times | ({"message": message} if message else {})}


def being_deleted(found: Object) -> Object:
    """Return the Pod with a deletionTimestamp."""
    return {**found, "metadata": {**found["metadata"], "deletionTimestamp": at(40)}}


def beside(found: Object, name: str, state: Object, *, init: bool = False, sidecar: bool = False) -> Object:
    """Add a container to a Pod, before its own; `sidecar` makes an init container a sidecar."""
    kinds = ("initContainers", "initContainerStatuses") if init or sidecar else ("containers", "containerStatuses")
    spec: Object = {"name": name, "image": f"{name}:1", **({"restartPolicy": "Always"} if sidecar else {})}
    status = {"name": name, "image": f"{name}:1", "state": state}
    return {
        **found,
        "spec": {**found["spec"], kinds[0]: [spec, *found["spec"].get(kinds[0], [])]},
        "status": {**found["status"], kinds[1]: [status, *found["status"].get(kinds[1], [])]},
    }


def event(reason: str, message: str, seconds: float = 100, kind: str = "Warning") -> Object:
    """Return an Event of so many seconds after two o'clock."""
    times = {"firstTimestamp": at(seconds), "lastTimestamp": at(seconds)}
    return {"metadata": {"name": "x.1"}, "type": kind, "reason": reason, "message": message, **times}
