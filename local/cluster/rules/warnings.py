"""Warnings to the client about an object that is stored (pkg/api/pod/warnings.go and the strategies)."""

from collections.abc import Iterator

from jobs_api.model.quantity import parse
from local.cluster.kinds import Kind
from local.cluster.rules.formats import dns_label
from local.cluster.storage import Object

_DEPRECATED_LABELS = {
    "beta.kubernetes.io/arch": '1.14; use "kubernetes.io/arch" instead',
    "beta.kubernetes.io/os": '1.14; use "kubernetes.io/os" instead',
    "failure-domain.beta.kubernetes.io/region": '1.17; use "topology.kubernetes.io/region" instead',
    "failure-domain.beta.kubernetes.io/zone": '1.17; use "topology.kubernetes.io/zone" instead',
    "beta.kubernetes.io/instance-type": '1.17; use "node.kubernetes.io/instance-type" instead',
}


def warnings_of(kind: Kind, obj: Object) -> list[str]:
    """Return the warnings for an object that was just written."""
    found: list[str] = []
    if kind.resource in {"jobs", "cronjobs", "pods"} and (faults := dns_label(obj["metadata"]["name"])):
        where = "the Pod's hostname" if kind.resource == "pods" else "Pod names and hostnames"
        surprise = "which can result in surprising behavior; a DNS label is recommended"
        found.append(f"metadata.name: this is used in {where}, {surprise}: [{' '.join(faults)}]")
    match kind.resource:
        case "cronjobs":
            template = obj["spec"]["jobTemplate"]["spec"]["template"]["spec"]
            found.extend(_of_pod(template, "spec.jobTemplate.spec.template.spec"))
        case "jobs":
            found.extend(_of_pod(obj["spec"]["template"]["spec"], "spec.template.spec"))
        case "pods":
            found.extend(_of_pod(obj["spec"], "spec"))
    return found


def _of_pod(spec: Object, path: str) -> Iterator[str]:
    for label in spec.get("nodeSelector") or {}:
        if label in _DEPRECATED_LABELS:
            yield f"{path}.nodeSelector[{label}]: deprecated since v{_DEPRECATED_LABELS[label]}"
    for index, secret in enumerate(spec.get("imagePullSecrets") or []):
        if not secret.get("name"):
            yield f'{path}.imagePullSecrets[{index}].name: invalid empty name ""'
    if spec["terminationGracePeriodSeconds"] < 0:
        where = f"{path}.terminationGracePeriodSeconds"
        yield f"{where}: must be >= 0; negative values are invalid and will be treated as 1"
    for field in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(field) or []):
            yield from _of_container(container, f"{path}.{field}[{index}]")


def _of_container(container: Object, path: str) -> Iterator[str]:
    seen = set[str]()
    for index, variable in enumerate(container.get("env") or []):
        name = variable["name"]
        # A variable that refers to the earlier one of its name usually extends it, so there is no warning.
        if name in seen and f"$({name})" not in variable.get("value", ""):
            hides = f'hides previous definition of "{name}", which may be dropped when using apply'
            yield f"{path}.env[{index}]: {hides}"
        seen.add(name)
    for side in ("limits", "requests"):
        for name, text in (container["resources"].get(side) or {}).items():
            if name in {"memory", "ephemeral-storage"} and not parse(text).is_whole:
                where = f"{path}.resources.{side}[{name}]"
                yield f'{where}: fractional byte value "{text}" is invalid, must be an integer'
