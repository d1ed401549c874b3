"""Kubernetes' defaults for missing fields (pkg/apis/*/v1/defaults.go and the strategies)."""

import base64
from typing import Any

from jobs_api.model.quantity import parse
from local.cluster.kinds import Kind
from local.cluster.storage import Object

_FILE_MODE = 0o644
_TOKEN_SECONDS = 3600
_PROBE = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
_NO_LIMIT = (1 << 31) - 1


def fill_in(kind: Kind, obj: Object) -> None:
    """Set the defaults of an object in place."""
    match kind.resource:
        case "cronjobs":
            _fill_cronjob(obj["spec"])
        case "jobs":
            _fill_job(obj)
        case "pods":
            _fill_pod(obj["spec"])
        case "namespaces":
            _fill_namespace(obj)
        case "secrets":
            _fill_secret(obj)


def _fill_cronjob(spec: Object) -> None:
    _default(spec, concurrencyPolicy="Allow", suspend=False, successfulJobsHistoryLimit=3, failedJobsHistoryLimit=1)
    job = spec.setdefault("jobTemplate", {}).setdefault("spec", {})
    _fill_pod_spec(job.setdefault("template", {}).setdefault("spec", {}))
    _fill_conditions(job)


def _fill_job(job: Object) -> None:
    spec = job["spec"]
    template = spec.setdefault("template", {})
    if spec.get("completions") is None and spec.get("parallelism") is None:
        _default(spec, completions=1)
    backoff = _NO_LIMIT if "backoffLimitPerIndex" in spec else 6
    replacement = "Failed" if "podFailurePolicy" in spec else "TerminatingOrFailed"
    _default(spec, parallelism=1, backoffLimit=backoff, completionMode="NonIndexed", suspend=False)
    _default(spec, manualSelector=False, podReplacementPolicy=replacement)
    _fill_conditions(spec)
    _fill_pod_spec(template.setdefault("spec", {}))
    labels = template.setdefault("metadata", {}).get("labels")
    if labels and not job["metadata"].get("labels"):
        job["metadata"]["labels"] = dict(labels)


def select_own_pods(job: Object) -> None:
    """Set the selector of a Job and the labels of its pods, both made of its uid (generateSelector)."""
    spec, uid = job["spec"], job["metadata"]["uid"]
    if spec.get("manualSelector"):
        return
    own = {"controller-uid": uid, "job-name": job["metadata"]["name"]}
    labels = spec["template"]["metadata"].setdefault("labels", {})
    labels |= own | {f"batch.kubernetes.io/{key}": value for key, value in own.items()}
    matched = spec.setdefault("selector", {}).setdefault("matchLabels", {})
    matched["batch.kubernetes.io/controller-uid"] = uid


def _fill_conditions(spec: Object) -> None:
    for rule in (spec.get("podFailurePolicy") or {}).get("rules") or []:
        for pattern in rule.get("onPodConditions") or []:
            _default(pattern, status="True")


def _fill_pod(spec: Object) -> None:
    """Set the fields that a pod has and a pod template does not."""
    _default(spec, enableServiceLinks=True, serviceAccountName="default")
    for container in [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]:
        resources = container.setdefault("resources", {})
        if resources.get("limits"):
            resources["requests"] = {**resources["limits"], **(resources.get("requests") or {})}
    _fill_pod_spec(spec)
    _default(spec, priority=0, preemptionPolicy="PreemptLowerPriority")
    keys = {toleration.get("key") for toleration in spec.get("tolerations") or []}
    for state in ("not-ready", "unreachable"):
        if (key := f"node.kubernetes.io/{state}") not in keys:
            added = {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
            spec.setdefault("tolerations", []).append(added)


def _fill_pod_spec(spec: Object) -> None:
    _default(spec, dnsPolicy="ClusterFirst", restartPolicy="Always", schedulerName="default-scheduler")
    _default(spec, securityContext={}, terminationGracePeriodSeconds=30)
    if account := spec.get("serviceAccountName") or spec.get("serviceAccount"):
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    for container in [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]:
        _fill_container(container)
    for volume in spec.get("volumes") or []:
        _fill_volume(volume)
    if "overhead" in spec:
        spec["overhead"] = _stored(spec["overhead"])


def _fill_container(container: Object) -> None:
    image = container.get("image", "")
    _default(container, imagePullPolicy="Always" if _is_latest(image) else "IfNotPresent")
    _default(container, terminationMessagePath="/dev/termination-log", terminationMessagePolicy="File", resources={})
    for side in ("limits", "requests"):
        if side in container["resources"]:
            container["resources"][side] = _stored(container["resources"][side])
    for port in container.get("ports") or []:
        _default(port, protocol="TCP")
    for variable in container.get("env") or []:
        source = variable.get("valueFrom") or {}
        if "fieldRef" in source:
            _default(source["fieldRef"], apiVersion="v1")
        if "resourceFieldRef" in source:
            _default(source["resourceFieldRef"], divisor="0")
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if name in container:
            _fill_probe(container[name])


def _fill_probe(probe: Object) -> None:
    for field, value in _PROBE.items():
        if not probe.get(field):
            probe[field] = value
    if "httpGet" in probe:
        _default(probe["httpGet"], path="/", scheme="HTTP")


def _fill_volume(volume: Object) -> None:
    if volume.keys() <= {"name"}:
        volume["emptyDir"] = {}
    for source in ("secret", "configMap", "projected", "downwardAPI"):
        if source in volume:
            _default(volume[source], defaultMode=_FILE_MODE)
    for source in volume.get("projected", {}).get("sources") or []:
        if "serviceAccountToken" in source:
            _default(source["serviceAccountToken"], expirationSeconds=_TOKEN_SECONDS)
    if "hostPath" in volume:
        _default(volume["hostPath"], type="")


def _fill_namespace(namespace: Object) -> None:
    if name := namespace["metadata"].get("name"):
        namespace["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = name
    _default(namespace.setdefault("spec", {}), finalizers=["kubernetes"])


def _fill_secret(secret: Object) -> None:
    _default(secret, type="Opaque")
    for key, text in (secret.pop("stringData", None) or {}).items():
        secret.setdefault("data", {})[key] = base64.b64encode(text.encode()).decode()


def _default(fields: dict[str, Any], **defaults: Any) -> None:
    for name, value in defaults.items():
        if fields.get(name) is None:
            fields[name] = value


def _stored(quantities: dict[str, str]) -> dict[str, str]:
    return {name: str(parse(text).stored()) for name, text in quantities.items()}


def _is_latest(image: str) -> bool:
    """Return whether an image has the tag latest or no tag, and so is pulled each time."""
    bare, _, digest = image.partition("@")
    _, colon, tag = bare.rpartition("/")[2].partition(":")
    return tag == "latest" if colon else not digest
