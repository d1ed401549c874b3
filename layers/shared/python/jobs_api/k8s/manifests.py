"""The manifests of a job: the CronJob for its schedule and the Job for one manual run, both with the same Pod."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from jobs_api import runner
from jobs_api.k8s import labels
from jobs_api.model import commands, names
from jobs_api.model.document import rfc3339
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.model.resources import InvalidQuantity, Resources, canonical
from jobs_api.model.run import TriggeredBy
from jobs_api.model.run_limits import RunLimits
from jobs_api.model.variables import OURS
from jobs_api.model.words import split
from jobs_api.redaction.masking import MASK

type Manifest = dict[str, Any]

CONTAINER: Final = "job"
NO_SECRETS: Final[Mapping[str, str]] = MappingProxyType({})
# At a Job's deadline Kubernetes deletes its Pod, and with it the log. At a Pod's deadline the kubelet ends the command
# and the Pod stays. So a run has the Pod's deadline; the Job's is later, for Pods that no node takes.
# https://kubernetes.io/docs/concepts/workloads/controllers/job/#job-termination-and-cleanup
UNSCHEDULED_SECONDS: Final = 15 * 60

# With a backoff limit of 0 any failure ends the Job. But a Pod that the cluster removed (a drained node, a spot
# instance, a preemption) says nothing about the command: it is ignored, replaced, and does not count as a failure.
# https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy
DISRUPTIONS: Final[Manifest] = {
    "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
}
# The `restricted` Pod Security Standard: https://kubernetes.io/docs/concepts/security/pod-security-standards/
POD_SECURITY: Final[Manifest] = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
# What the runner needs, as the API server stores it. A missing ConfigMap must not keep a command from running.
VOLUMES: Final[list[Manifest]] = [
    {
        "name": runner.VOLUME,
        "projected": {
            "defaultMode": 0o444,
            "sources": [
                {"configMap": {"name": runner.CONFIG_MAP, "optional": True}},
                {
                    "serviceAccountToken": {
                        "audience": runner.AUDIENCE,
                        "expirationSeconds": runner.POD_TOKEN_SECONDS,
                        "path": runner.TOKEN_FILE,
                    }
                },
            ],
        },
    },
    {"name": "dbt-target", "emptyDir": {}},
]
MOUNTS: Final[list[Manifest]] = [
    {"name": runner.VOLUME, "mountPath": runner.FOLDER, "readOnly": True},
    {"name": "dbt-target", "mountPath": runner.TARGET},
]
# The Job's UID is not known when the Pod is written. From it the runner computes the id of a scheduled run.
JOB_UID: Final[Manifest] = {
    "name": "JOBS_API_JOB_UID",
    "valueFrom": {
        "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.labels['batch.kubernetes.io/controller-uid']"}
    },
}
CONTAINER_SECURITY: Final[Manifest] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def cronjob(project: Project, job: Job, now: datetime, opened: Mapping[str, str] = NO_SECRETS) -> Manifest:
    """Return the CronJob that a job of a deployed project should have now; `opened` are its decrypted sealed values."""
    settings, policy = job.settings, project.settings
    limits = RunLimits.of(policy, settings)
    ours = _labels(project, job)
    template = with_values(_job(project, job, settings.command, TriggeredBy.SCHEDULED), opened)
    spec = {
        "schedule": settings.schedule,
        "timeZone": settings.timezone,
        "concurrencyPolicy": limits.concurrency_policy.value,
        "suspend": policy.suspended or not settings.enabled or job.pause_at(project, now) is not None,
        "startingDeadlineSeconds": int(limits.starting_deadline.total_seconds()),
        "successfulJobsHistoryLimit": policy.successful_history_limit,
        "failedJobsHistoryLimit": policy.failed_history_limit,
        "jobTemplate": template,
    }
    annotations = {
        **template["metadata"]["annotations"],
        labels.PROJECT_VERSION: str(project.version),
        labels.FIRES_SINCE: rfc3339(job.fires_since(project)),
        labels.SPEC_HASH: _hash({"labels": ours, "spec": spec}),
    }
    metadata = {"name": job.cronjob_name, "namespace": project.namespace, "labels": ours, "annotations": annotations}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata, "spec": spec}


def job(
    project: Project,
    job: Job,
    run_id: str,
    job_name: str,
    command: str,
    triggered_by: TriggeredBy = TriggeredBy.MANUAL,
) -> Manifest:
    """Return the Kubernetes Job of a run that no CronJob makes: the Pod of the job, with the command of this run.

    It has no owner. So the concurrency policy does not count it, and it stays when the CronJob is deleted; its TTL
    removes it.
    """
    made = _job(project, job, command, triggered_by, run_id)
    metadata = {**made["metadata"], "name": job_name, "namespace": project.namespace}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": made["spec"]}


def with_values(manifest: Manifest, opened: Mapping[str, str]) -> Manifest:
    """Return a Job, or a CronJob's template, with the values in place of the masks."""
    if not opened:
        return manifest
    pod = manifest["spec"]["template"]
    containers = [_with_values(container, opened) for container in pod["spec"]["containers"]]
    template = {**pod, "spec": {**pod["spec"], "containers": containers}}
    return {**manifest, "spec": {**manifest["spec"], "template": template}}


def _with_values(container: Manifest, opened: Mapping[str, str]) -> Manifest:
    if container["name"] != CONTAINER:
        return container
    env = [
        _variable(one["name"], opened[one["name"]]) if one.get("value") == MASK and one["name"] in opened else one
        for one in container["env"]
    ]
    return {**container, "env": env}


def _job(project: Project, job: Job, command: str, triggered_by: TriggeredBy, run_id: str | None = None) -> Manifest:
    """Return the metadata and spec of a Job; a CronJob has them in its template."""
    ours = {**_labels(project, job), labels.TRIGGERED_BY: triggered_by.value}
    if run_id:
        ours[labels.RUN_ID] = run_id
    # Not checked again: it was valid when it was stored, and the rules may be stricter now.
    policy, words = project.settings, split(command)
    annotations = {
        labels.JOB_VERSION: str(job.version),
        labels.CRONJOB: job.cronjob_name,
        labels.COMMAND: command,
        labels.JOB_TYPE: commands.job_type(words),
    }
    metadata = {"labels": ours, "annotations": annotations}
    spec = {
        "backoffLimit": 0,
        "activeDeadlineSeconds": _timeout_seconds(project, job) + UNSCHEDULED_SECONDS,
        "ttlSecondsAfterFinished": policy.ttl_seconds,
        "podFailurePolicy": DISRUPTIONS,
        "template": {"metadata": metadata, "spec": _pod(project, job, words, run_id)},
    }
    return {"metadata": metadata, "spec": spec}


def _pod(project: Project, job: Job, words: list[str], run_id: str | None) -> Manifest:
    policy = project.settings
    container = {
        "name": CONTAINER,
        "image": policy.image,
        "command": [_literal(word) for word in words],
        "env": _environment(project, job, run_id),
        "securityContext": CONTAINER_SECURITY,
    }
    volumes: list[Manifest] = []
    if policy.artifacts:
        container |= {"command": [_literal(word) for word in runner.words(words)], "volumeMounts": MOUNTS}
        volumes = VOLUMES
    if policy.working_directory:
        container["workingDir"] = policy.working_directory
    if policy.environment_secret:
        container["envFrom"] = [{"secretRef": {"name": policy.environment_secret}}]
    if resources := _resources(job.settings.resources) or _resources(policy.resources):
        container["resources"] = resources
    return {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": _timeout_seconds(project, job),
        "automountServiceAccountToken": False,
        # Otherwise each Service of the namespace adds variables to the environment.
        "enableServiceLinks": False,
        "securityContext": POD_SECURITY,
        "containers": [container],
        **({"volumes": volumes} if volumes else {}),
    }


def _timeout_seconds(project: Project, job: Job) -> int:
    return int(RunLimits.of(project.settings, job.settings).timeout.total_seconds())


def _environment(project: Project, job: Job, run_id: str | None) -> list[Manifest]:
    """Return the variables of the job and of the run, sorted by name, so that their order in a request is no change."""
    own = job.settings.environment
    stores = project.settings.artifacts
    variables = {
        **({"DBT_TARGET_PATH": runner.TARGET} if stores else {}),
        # Older jobs may have variables with a reserved name, such as the run's id, which a scheduled Pod does not get.
        **{name: value for name, value in own.items() if not name.startswith(OURS)},
        "JOBS_API_ORGANIZATION_ID": project.organization_id,
        "JOBS_API_PROJECT_ID": project.id,
        "JOBS_API_JOB_ID": job.id,
        **({"JOBS_API_RUN_ID": run_id} if run_id else {}),
    }
    listed: list[Manifest] = [_variable(name, value) for name, value in variables.items()]
    return sorted([*listed, *([JOB_UID] if stores else [])], key=lambda one: str(one["name"]))


def _variable(name: str, value: str) -> dict[str, str]:
    # The API server does not store an empty value: a variable without a value is empty.
    return {"name": name, "value": _literal(value)} if value else {"name": name}


def _resources(asked: Resources) -> dict[str, dict[str, str]]:
    """Return quantities as the API server stores them, so that they can be compared with what it stores."""
    parts = {"requests": asked.requests, "limits": asked.limits}
    return {
        part: {name: _canonical(quantity) for name, quantity in quantities.items()}
        for part, quantities in parts.items()
        if quantities
    }


def _canonical(quantity: str) -> str:
    try:
        return canonical(quantity)
    except InvalidQuantity:
        return quantity  # not a valid one: the cluster then rejects the manifest, and says why


def _literal(text: str) -> str:
    """Write `$` as `$$`, so that Kubernetes does not expand `$(NAME)` in a word or a value.

    Source: https://github.com/kubernetes/kubernetes/blob/master/third_party/forked/golang/expansion/expand.go
    """
    return text.replace("$", "$$")


def _labels(project: Project, job: Job) -> dict[str, str]:
    return {
        labels.MANAGED_BY: labels.MANAGED_BY_US,
        labels.DEPLOYMENT: labels.deployment(),
        labels.ORGANIZATION: project.organization_id,
        labels.PROJECT: names.label(project.settings.name),
        labels.PROJECT_ID: project.id,
        labels.JOB_ID: job.id,
    }


def _hash(wanted: Mapping[str, Any]) -> str:
    canonical_json = json.dumps(wanted, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical_json.encode()).hexdigest()
