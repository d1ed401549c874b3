"""CronJobs, Jobs and Pods for tests, and functions that wait for their states."""

from collections.abc import Callable, Sequence
from typing import Any

from kubernetes import client

type Object = dict[str, Any]
type Eventually = Callable[[Callable[[], Any]], Any]

SLEEPS = ("sleep", "300")


def shell(script: str) -> tuple[str, ...]:
    return ("sh", "-c", script)


def container(image: str, command: Sequence[str], **more: Any) -> Object:
    return {"name": "main", "image": image, "imagePullPolicy": "IfNotPresent", "command": list(command), **more}


def pod_spec(image: str, command: Sequence[str], restart: str = "Never", **more: Any) -> Object:
    # A grace period of a second: as process 1 of a real container, sh and sleep ignore SIGTERM.
    spec = {"restartPolicy": restart, "terminationGracePeriodSeconds": 1}
    return {**spec, "containers": [container(image, command, **more)]}


def pod(name: str, image: str, command: Sequence[str], restart: str = "Never", **more: Any) -> Object:
    return {"metadata": {"name": name}, "spec": pod_spec(image, command, restart, **more)}


def job(name: str, image: str, command: Sequence[str], *, template: Object | None = None, **spec: Any) -> Object:
    template = template or {"spec": pod_spec(image, command)}
    return {"metadata": {"name": name}, "spec": {"backoffLimit": 0, **spec, "template": template}}


def cronjob(name: str, image: str, command: Sequence[str], schedule: str = "* * * * *", **spec: Any) -> Object:
    job_template = {
        "metadata": {"labels": {"team": "data"}, "annotations": {"note": "kept"}},
        "spec": {"backoffLimit": 0, "template": {"spec": pod_spec(image, command)}},
    }
    return {"metadata": {"name": name}, "spec": {"schedule": schedule, "jobTemplate": job_template, **spec}}


def pods_of(core: client.CoreV1Api, namespace: str, job_name: str) -> list[Any]:
    found = core.list_namespaced_pod(namespace, label_selector=f"batch.kubernetes.io/job-name={job_name}")
    return sorted(found.items, key=lambda one: one.metadata.creation_timestamp)


def conditions(job: Any) -> dict[str, str]:
    """Return the reasons of the true conditions, by type."""
    held = job.status.conditions if job.status else None
    return {one.type: one.reason for one in held or [] if one.status == "True"}


def ended_job(batch: client.BatchV1Api, namespace: str, name: str, eventually: Eventually) -> Any:
    """Wait for a Job's end and return it."""

    def ask() -> Any:
        job = batch.read_namespaced_job(name, namespace)
        return job if {"Complete", "Failed"} & conditions(job).keys() else None

    return eventually(ask)


def ended_pod(core: client.CoreV1Api, namespace: str, name: str, eventually: Eventually) -> Any:
    """Wait for a Pod's end and return it."""

    def ask() -> Any:
        pod = core.read_namespaced_pod(name, namespace)
        return pod if pod.status.phase in {"Succeeded", "Failed"} else None

    return eventually(ask)


def running_pod(core: client.CoreV1Api, namespace: str, name: str, eventually: Eventually) -> Any:
    """Wait until a Pod runs and return it."""

    def ask() -> Any:
        pod = core.read_namespaced_pod(name, namespace)
        return pod if pod.status.phase == "Running" else None

    return eventually(ask)
