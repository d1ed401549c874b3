"""The Pod of a job: its container, environment, volumes and security."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from jobs_api import runner
from jobs_api.k8s import labels
from jobs_api.model import names
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.model.quantity import InvalidQuantity
from jobs_api.model.resources import Resources, canonical
from jobs_api.model.run_limits import RunLimits
from jobs_api.model.variables import OURS
from jobs_api.redaction.masking import MASK

type Manifest = dict[str, Any]

CONTAINER: Final = "job"
NO_SECRETS: Final[Mapping[str, str]] = MappingProxyType({})
# At a Job's deadline Kubernetes deletes its Pod, and with it the log. At a Pod's deadline the kubelet ends the command
# and the Pod stays. So a run has the Pod's deadline; the Job's is later, for Pods that no node takes.
# https://kubernetes.io/docs/concepts/workloads/controllers/job/#job-termination-and-cleanup
UNSCHEDULED_SECONDS: Final = 15 * 60
# The `restricted` Pod Security Standard: https://kubernetes.io/docs/concepts/security/pod-security-standards/
POD_SECURITY: Final[Manifest] = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
# The runner's volumes, as the API server stores them. A missing ConfigMap must not keep a command from running.
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


def pod_of_job(project: Project, job: Job, words: list[str], run_id: str | None) -> Manifest:
    """Return the Pod's spec; `words` are the command, and `run_id` is known for runs that are not scheduled."""
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
        "activeDeadlineSeconds": timeout_seconds(project, job),
        "automountServiceAccountToken": False,
        # Otherwise each Service of the namespace adds variables to the environment.
        "enableServiceLinks": False,
        "securityContext": POD_SECURITY,
        "containers": [container],
        **({"volumes": volumes} if volumes else {}),
    }


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


def labels_of_job(project: Project, job: Job) -> dict[str, str]:
    """Return the labels of a job's objects, its Pods too."""
    return {
        labels.MANAGED_BY: labels.MANAGED_BY_US,
        labels.DEPLOYMENT: labels.deployment(),
        labels.ORGANIZATION: project.organization_id,
        labels.PROJECT: names.label(project.settings.name),
        labels.PROJECT_ID: project.id,
        labels.JOB_ID: job.id,
    }


def timeout_seconds(project: Project, job: Job) -> int:
    """Return how long a run of a job may take."""
    return int(RunLimits.of(project.settings, job.settings).timeout.total_seconds())
