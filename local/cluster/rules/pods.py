"""Rules for pods and their templates (ValidatePodSpec, ValidatePodTemplateSpec)."""

from typing import Any

from local.cluster.rules.containers import check_containers, check_seccomp
from local.cluster.rules.faults import Faults
from local.cluster.rules.formats import dns_label, dns_subdomain, qualified_name, user_id
from local.cluster.rules.metadata import check_annotations, check_labels
from local.cluster.rules.volumes import check_volumes
from local.cluster.storage import Object

_MAX_INT32 = (1 << 31) - 1


def check_template(template: Object, path: str, faults: Faults) -> None:
    """Check a pod template. Paths of its labels omit `metadata`, as in Kubernetes."""
    metadata = template.get("metadata") or {}
    check_labels(metadata.get("labels"), f"{path}.labels", faults)
    check_annotations(metadata.get("annotations"), f"{path}.annotations", faults)
    check_pod_spec(template["spec"], f"{path}.spec", faults)
    if template["spec"].get("ephemeralContainers"):
        faults.forbidden(f"{path}.spec.ephemeralContainers", "ephemeral containers not allowed in pod template")


def check_pod_spec(spec: Object, path: str, faults: Faults) -> None:
    """Check a pod's spec, in which the defaults are set."""
    check_volumes(spec.get("volumes") or [], f"{path}.volumes", faults)
    check_containers(spec, path, faults)
    _check_choice(spec, "restartPolicy", ["Always", "OnFailure", "Never"], path, faults)
    choices = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"]
    _check_choice(spec, "dnsPolicy", choices, path, faults)
    check_labels(spec.get("nodeSelector"), f"{path}.nodeSelector", faults)
    _check_security(spec.get("securityContext") or {}, f"{path}.securityContext", faults)
    for field in ("serviceAccountName", "nodeName"):
        if name := spec.get(field):
            faults.invalid(f"{path}.{field}", name, *dns_subdomain(name))
    seconds = spec.get("activeDeadlineSeconds")
    if seconds is not None and not 1 <= seconds <= _MAX_INT32:
        faults.invalid(f"{path}.activeDeadlineSeconds", seconds, f"must be between 1 and {_MAX_INT32}, inclusive")
    for field in ("hostname", "subdomain"):
        if name := spec.get(field):
            faults.invalid(f"{path}.{field}", name, *dns_label(name))
    for index, toleration in enumerate(spec.get("tolerations") or []):
        _check_toleration(toleration, f"{path}.tolerations[{index}]", faults)
    for field in ("priorityClassName", "runtimeClassName"):
        if name := spec.get(field):
            faults.invalid(f"{path}.{field}", name, *dns_subdomain(name))
    if spec.get("preemptionPolicy") is not None:
        _check_choice(spec, "preemptionPolicy", ["PreemptLowerPriority", "Never"], path, faults)


def _check_choice(spec: Object, field: str, choices: list[str], path: str, faults: Faults) -> None:
    value = spec.get(field, "")
    if not value:
        faults.required(f"{path}.{field}")
    elif value not in choices:
        faults.unsupported(f"{path}.{field}", value, choices)


def _check_security(context: dict[str, Any], path: str, faults: Faults) -> None:
    for field in ("fsGroup", "runAsUser", "runAsGroup"):
        if (number := context.get(field)) is not None:
            faults.invalid(f"{path}.{field}", number, *user_id(number))
    for index, number in enumerate(context.get("supplementalGroups") or []):
        faults.invalid(f"{path}.supplementalGroups[{index}]", number, *user_id(number))
    check_seccomp(context.get("seccompProfile"), f"{path}.seccompProfile", faults)


def _check_toleration(toleration: Object, path: str, faults: Faults) -> None:
    key, operator = toleration.get("key", ""), toleration.get("operator", "")
    value, effect = toleration.get("value", ""), toleration.get("effect", "")
    if key:
        faults.invalid(path, key, *qualified_name(key))
    elif operator != "Exists":
        faults.invalid(
            f"{path}.operator",
            operator,
            'operator must be Exists when `key` is empty, which means "match all values and all keys"',
        )
    if toleration.get("tolerationSeconds") is not None and effect != "NoExecute":
        faults.invalid(f"{path}.effect", effect, "effect must be 'NoExecute' when `tolerationSeconds` is set")
    if operator == "Exists" and value:
        faults.invalid(f"{path}.operator", toleration, "value must be empty when `operator` is 'Exists'")
    if operator not in {"", "Equal", "Exists"}:
        faults.unsupported(f"{path}.operator", operator, ["Equal", "Exists"])
    if effect not in {"", "NoSchedule", "PreferNoSchedule", "NoExecute"}:
        faults.unsupported(f"{path}.effect", effect, ["NoSchedule", "PreferNoSchedule", "NoExecute"])
