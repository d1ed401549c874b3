"""Rules for containers (validateContainers, validateContainerCommon)."""

from typing import Any

from local.cluster.rules.environment import check_sources, check_variables
from local.cluster.rules.faults import Faults
from local.cluster.rules.formats import dns_label, port_name, port_number, user_id
from local.cluster.rules.resources import check_resources
from local.cluster.storage import Object

_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")


def check_containers(spec: Object, path: str, faults: Faults) -> None:
    """Check the containers and init containers of a pod's spec."""
    volumes = {volume.get("name", "") for volume in spec.get("volumes") or []}
    containers, names = spec.get("containers") or [], set[str]()
    if not containers:
        faults.required(f"{path}.containers")
    for index, container in enumerate(containers):
        at, name = f"{path}.containers[{index}]", container.get("name", "")
        _check_container(container, volumes, at, faults)
        if name in names:
            faults.duplicate(f"{at}.name", name)
        names.add(name)
        for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
            _check_probe(container.get(probe), probe, f"{at}.{probe}", faults)
        if "restartPolicy" in container:
            faults.forbidden(f"{at}.restartPolicy", "may not be set for non-init containers")
    _check_init_containers(spec, volumes, names, path, faults)


def _check_init_containers(spec: Object, volumes: set[str], names: set[str], path: str, faults: Faults) -> None:
    for index, container in enumerate(spec.get("initContainers") or []):
        at, name = f"{path}.initContainers[{index}]", container.get("name", "")
        _check_container(container, volumes, at, faults)
        if name and name in names:
            faults.duplicate(f"{at}.name", name)
        names.add(name)
        restarts = container.get("restartPolicy")
        if restarts not in {None, "Always"}:
            faults.unsupported(f"{at}.restartPolicy", restarts, ["Always"])
        if restarts == "Always":
            continue
        for field in ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe"):
            if field in container:
                faults.forbidden(f"{at}.{field}", "may not be set for init containers without restartPolicy=Always")


def _check_container(container: Object, volumes: set[str], path: str, faults: Faults) -> None:
    name = container.get("name", "")
    if not name:
        faults.required(f"{path}.name")
    else:
        faults.invalid(f"{path}.name", name, *dns_label(name))
    if not container.get("image"):
        faults.required(f"{path}.image")
    if (policy := container["terminationMessagePolicy"]) not in {"File", "FallbackToLogsOnError"}:
        faults.unsupported(f"{path}.terminationMessagePolicy", policy, ["File", "FallbackToLogsOnError"])
    _check_ports(container.get("ports") or [], f"{path}.ports", faults)
    check_variables(container.get("env") or [], f"{path}.env", faults)
    check_sources(container.get("envFrom") or [], f"{path}.envFrom", faults)
    _check_mounts(container.get("volumeMounts") or [], volumes, f"{path}.volumeMounts", faults)
    if (policy := container["imagePullPolicy"]) not in {"Always", "IfNotPresent", "Never"}:
        faults.unsupported(f"{path}.imagePullPolicy", policy, ["Always", "IfNotPresent", "Never"])
    check_resources(container["resources"], f"{path}.resources", faults)
    _check_security(container.get("securityContext") or {}, f"{path}.securityContext", faults)


def _check_ports(ports: list[Object], path: str, faults: Faults) -> None:
    names = set[str]()
    for index, port in enumerate(ports):
        at = f"{path}[{index}]"
        if name := port.get("name"):
            faults.invalid(f"{at}.name", name, *port_name(name))
            if name in names:
                faults.duplicate(f"{at}.name", name)
            names.add(name)
        if not (number := port.get("containerPort", 0)):
            faults.required(f"{at}.containerPort")
        else:
            faults.invalid(f"{at}.containerPort", number, *port_number(number))
        if host := port.get("hostPort"):
            faults.invalid(f"{at}.hostPort", host, *port_number(host))
        if (protocol := port["protocol"]) not in {"TCP", "UDP", "SCTP"}:
            faults.unsupported(f"{at}.protocol", protocol, ["SCTP", "TCP", "UDP"])


def _check_mounts(mounts: list[Object], volumes: set[str], path: str, faults: Faults) -> None:
    places = set[str]()
    for index, mount in enumerate(mounts):
        at, name, place = f"{path}[{index}]", mount.get("name", ""), mount.get("mountPath", "")
        if not name:
            faults.required(f"{at}.name")
        if name not in volumes:
            faults.missing(f"{at}.name", name)
        if not place:
            faults.required(f"{at}.mountPath")
        if place in places:
            faults.invalid(f"{at}.mountPath", place, "must be unique")
        places.add(place)
        _check_sub_path(mount, at, faults)


def _check_sub_path(mount: Object, path: str, faults: Faults) -> None:
    if mount.get("subPath") and mount.get("subPathExpr"):
        faults.invalid(f"{path}.subPathExpr", mount["subPathExpr"], "subPathExpr and subPath are mutually exclusive")
    for field in ("subPath", "subPathExpr"):
        inner = mount.get(field, "")
        if inner.startswith("/"):
            faults.invalid(f"{path}.{field}", inner, "must be a relative path")
        if ".." in inner.split("/"):
            faults.invalid(f"{path}.{field}", inner, "must not contain '..'")


def _check_probe(probe: Object | None, kind: str, path: str, faults: Faults) -> None:
    if probe is None:
        return
    handlers = [handler for handler in _HANDLERS if handler in probe]
    if not handlers:
        faults.required(path, "must specify a handler type")
    for handler in handlers[1:]:
        faults.forbidden(f"{path}.{handler}", "may not specify more than 1 handler type")
    for field in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"):
        faults.negative(f"{path}.{field}", probe.get(field))
    if kind != "readinessProbe" and (threshold := probe.get("successThreshold", 1)) != 1:
        faults.invalid(f"{path}.successThreshold", threshold, "must be 1")


def _check_security(context: dict[str, Any], path: str, faults: Faults) -> None:
    for field in ("runAsUser", "runAsGroup"):
        if (number := context.get(field)) is not None:
            faults.invalid(f"{path}.{field}", number, *user_id(number))
    check_seccomp(context.get("seccompProfile"), f"{path}.seccompProfile", faults)
    if context.get("allowPrivilegeEscalation") is False:
        added = (context.get("capabilities") or {}).get("add") or []
        if context.get("privileged"):
            faults.invalid(path, context, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true")
        if "CAP_SYS_ADMIN" in added:
            why = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
            faults.invalid(path, context, why)


def check_seccomp(profile: dict[str, Any] | None, path: str, faults: Faults) -> None:
    """Check a seccompProfile, of a container or of a pod."""
    if profile is None:
        return
    kind, local = profile.get("type", ""), profile.get("localhostProfile")
    if kind not in {"Localhost", "RuntimeDefault", "Unconfined"}:
        if kind:
            faults.unsupported(f"{path}.type", kind, ["Localhost", "RuntimeDefault", "Unconfined"])
        else:
            faults.required(f"{path}.type", "type is required when seccompProfile is set")
    if kind == "Localhost" and not local:
        faults.required(f"{path}.localhostProfile", "must be set when seccomp type is Localhost")
    elif kind != "Localhost" and local is not None:
        faults.invalid(f"{path}.localhostProfile", local, "can only be set when seccomp type is Localhost")
