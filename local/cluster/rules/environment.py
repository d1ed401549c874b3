"""Rules for the environment variables of containers (ValidateEnv, ValidateEnvFrom)."""

from local.cluster.rules.faults import Faults
from local.cluster.rules.formats import config_key, dns_subdomain, qualified_name, variable_name
from local.cluster.storage import Object

_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef")
_FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
# Valid fields that an environment variable cannot use.
_OTHER_FIELDS = ("metadata.annotations", "metadata.labels", "spec.restartPolicy", "spec.schedulerName", "status.phase")
_AMOUNTS = ("cpu", "ephemeral-storage", "memory")
_RESOURCES = tuple(f"{side}.{name}" for side in ("limits", "requests") for name in _AMOUNTS)
_BYTE_DIVISORS = ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")


def check_variables(variables: list[Object], path: str, faults: Faults) -> None:
    """Check `env`."""
    for index, variable in enumerate(variables):
        at, name = f"{path}[{index}]", variable.get("name", "")
        if not name:
            faults.required(f"{at}.name")
        else:
            faults.invalid(f"{at}.name", name, *variable_name(name))
        if "valueFrom" in variable:
            _check_source(variable, f"{at}.valueFrom", faults)


def check_sources(sources: list[Object], path: str, faults: Faults) -> None:
    """Check `envFrom`."""
    for index, source in enumerate(sources):
        at, prefix = f"{path}[{index}]", source.get("prefix", "")
        if prefix:
            faults.invalid(f"{at}.prefix", prefix, *variable_name(prefix))
        named = [kind for kind in ("configMapRef", "secretRef") if kind in source]
        for kind in named:
            if not (name := source[kind].get("name", "")):
                faults.required(f"{at}.{kind}.name")
            else:
                faults.invalid(f"{at}.{kind}.name", name, *dns_subdomain(name))
        if not named:
            faults.invalid(path, "", "must specify one of: `configMapRef` or `secretRef`")
        elif len(named) > 1:
            faults.invalid(path, "", "may not have more than one field specified at a time")


def _check_source(variable: Object, path: str, faults: Faults) -> None:
    source = variable["valueFrom"]
    named = [kind for kind in _SOURCES if kind in source]
    for kind in named:
        _CHECKS[kind](source[kind], f"{path}.{kind}", faults)
    if not named:
        listed = "`fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
        faults.invalid(path, "", f"must specify one of: {listed}")
    elif variable.get("value"):
        faults.invalid(path, "", "may not be specified when `value` is not empty")
    elif len(named) > 1:
        faults.invalid(path, "", "may not have more than one field specified at a time")


def _check_field(reference: Object, path: str, faults: Faults) -> None:
    field = reference.get("fieldPath", "")
    if not field:
        faults.required(f"{path}.fieldPath")
        return
    if reference["apiVersion"] != "v1":
        why = f"error converting fieldPath: unsupported pod version: {reference['apiVersion']}"
        faults.invalid(f"{path}.fieldPath", field, why)
        return
    name, subscripted, rest = field.partition("['")
    subscripted = subscripted and rest.endswith("']")
    if subscripted and name in {"metadata.annotations", "metadata.labels"}:
        key = rest.removesuffix("']")
        faults.invalid(path, key, *qualified_name(key.lower() if name == "metadata.annotations" else key))
    elif subscripted and name in _FIELDS:
        faults.invalid(path, name, "does not support subscript")
    elif field in _OTHER_FIELDS:
        faults.unsupported(f"{path}.fieldPath", field, _FIELDS)
    elif field not in _FIELDS:
        faults.invalid(f"{path}.fieldPath", field, f"error converting fieldPath: field label not supported: {field}")


def _check_resource(reference: Object, path: str, faults: Faults) -> None:
    resource, divisor = reference.get("resource", ""), reference.get("divisor", "0")
    prefixed = resource.startswith(("limits.hugepages-", "requests.hugepages-"))
    if not resource:
        faults.required(f"{path}.resource")
    elif resource not in _RESOURCES and not prefixed:
        faults.unsupported(f"{path}.resource", resource, _RESOURCES)
    if divisor == "0":
        return
    kind = resource.partition(".")[2]
    if kind == "cpu" and divisor not in {"1m", "1"}:
        why = "only divisor's values 1m and 1 are supported with the cpu resource"
    elif (kind in _AMOUNTS[1:] or prefixed) and divisor not in _BYTE_DIVISORS:
        spelled = {"memory": "memory", "ephemeral-storage": "local ephemeral storage"}.get(kind, "hugepages")
        listed = ", ".join(_BYTE_DIVISORS[:-1]) + f" and {_BYTE_DIVISORS[-1]}"
        why = f"only divisor's values {listed} are supported with the {spelled} resource"
    else:
        return
    faults.invalid(f"{path}.divisor", resource, why)


def _check_key(reference: Object, path: str, faults: Faults) -> None:
    name, key = reference.get("name", ""), reference.get("key", "")
    faults.invalid(f"{path}.name", name, *dns_subdomain(name))
    if not key:
        faults.required(f"{path}.key")
    else:
        faults.invalid(f"{path}.key", key, *config_key(key))


_CHECKS = {
    "fieldRef": _check_field,
    "resourceFieldRef": _check_resource,
    "configMapKeyRef": _check_key,
    "secretKeyRef": _check_key,
}
