"""The environment and command line of a container, from its spec and the objects it refers to."""

import base64
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

type Object = dict[str, Any]
type Lookup = Callable[[str, str], Object | None]

_REFERENCE = re.compile(r"\$(\$|\(([^)]*)\))")
_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


class ConfigError(Exception):
    """An object that the container refers to is missing; the message is that of CreateContainerConfigError."""


def variables(pod: Object, container: Object, image: Path, folder: Path, lookup: Lookup) -> dict[str, str]:
    """Build the whole environment, without variables of the cluster's own process.

    `image` is a virtual environment, `folder` the pod's folder, `lookup` finds a Secret or ConfigMap by its resource
    and name. Variables of envFrom replace the image's, and those of env replace both. Raises ConfigError.
    """
    found = {
        # In an image each container has a new file system. Here the containers of a project share its folder, and dbt
        # would find in it what another run wrote.
        "DBT_TARGET_PATH": str(folder / "target"),
        "PATH": f"{image / 'bin'}:{_SYSTEM_PATH}",
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "HOSTNAME": pod["metadata"]["name"],
    }
    for source in container.get("envFrom", []):
        found |= _all_of(source, pod, lookup)
    for entry in container.get("env", []):
        if "valueFrom" not in entry:
            found[entry["name"]] = expand(entry.get("value", ""), found)
        elif (value := _referred(entry["valueFrom"], pod, container, lookup)) is not None:
            found[entry["name"]] = value
    return found


def command_line(container: Object, variables: Mapping[str, str]) -> list[str]:
    """Join command and args, with $(NAME) replaced; raises ConfigError if both are missing.

    Images have no entrypoint here, so args without a command are the command.
    """
    return [expand(word, variables) for word in [*container.get("command", []), *container.get("args", [])]]


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace $(NAME) by the variable's value; $$ is a dollar, and an unknown name stays unchanged."""

    def value(match: re.Match[str]) -> str:
        return "$" if match[1] == "$" else variables.get(match[2], match[0])

    return _REFERENCE.sub(value, text)


def _all_of(source: Object, pod: Object, lookup: Lookup) -> dict[str, str]:
    resource, reference = (
        ("secrets", source["secretRef"]) if "secretRef" in source else ("configmaps", source["configMapRef"])
    )
    data = _data(resource, reference, pod, lookup)
    return {source.get("prefix", "") + name: value for name, value in (data or {}).items()}


def _referred(source: Object, pod: Object, container: Object, lookup: Lookup) -> str | None:
    if "fieldRef" in source:
        return _field(pod, source["fieldRef"]["fieldPath"])
    if "resourceFieldRef" in source:
        kind, _, name = source["resourceFieldRef"]["resource"].partition(".")
        return str(container.get("resources", {}).get(kind, {}).get(name, "0"))
    resource, reference = (
        ("secrets", source["secretKeyRef"]) if "secretKeyRef" in source else ("configmaps", source["configMapKeyRef"])
    )
    data = _data(resource, reference, pod, lookup)
    if data is not None and reference["key"] in data:
        return data[reference["key"]]
    if reference.get("optional"):
        return None
    kind = "Secret" if resource == "secrets" else "ConfigMap"
    where = f"{pod['metadata']['namespace']}/{reference['name']}"
    raise ConfigError(f"couldn't find key {reference['key']} in {kind} {where}")


def _data(resource: str, reference: Object, pod: Object, lookup: Lookup) -> dict[str, str] | None:
    """Return the data of a Secret or ConfigMap; None if it is optional and missing."""
    del pod
    found = lookup(resource, reference.get("name", ""))
    if found is None:
        if reference.get("optional"):
            return None
        raise ConfigError(f'{resource.removesuffix("s")} "{reference.get("name", "")}" not found')
    held: dict[str, str] = found.get("data") or {}
    # Bytes that are not UTF-8 become Python's surrogates, and the same bytes again in the process.
    return {key: os.fsdecode(base64.b64decode(text)) for key, text in held.items()} if resource == "secrets" else held


def _field(pod: Object, path: str) -> str:
    if match := _SUBSCRIPT.fullmatch(path):
        return str(pod["metadata"].get(match[1], {}).get(match[2], ""))
    known = {
        "metadata.name": pod["metadata"]["name"],
        "metadata.namespace": pod["metadata"]["namespace"],
        "metadata.uid": pod["metadata"]["uid"],
        "spec.nodeName": pod["spec"].get("nodeName", ""),
        "spec.serviceAccountName": pod["spec"].get("serviceAccountName", "default"),
        "status.hostIP": "127.0.0.1",
        "status.podIP": "127.0.0.1",
    }
    if path not in known:
        raise ConfigError(f"failed to resolve fieldPath: unsupported fieldPath: {path}")
    return str(known[path])
