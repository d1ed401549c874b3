"""The fields of Kubernetes' structs and their types.

The fields come from the official client's models; the tables here have what the models lack, such as the width of
integers. The models are read as files, because Python can only import all 700, which takes seconds.
"""

import ast
import re
import sys
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_INT64 = {
    "activeDeadlineSeconds",
    "deletionGracePeriodSeconds",
    "expirationSeconds",
    "fsGroup",
    "generation",
    "gracePeriodSeconds",
    "runAsGroup",
    "runAsUser",
    "startingDeadlineSeconds",
    "supplementalGroups",
    "terminationGracePeriodSeconds",
    "tolerationSeconds",
}
_QUANTITIES = {
    ("ResourceRequirements", "limits"),
    ("ResourceRequirements", "requests"),
    ("VolumeResourceRequirements", "limits"),
    ("VolumeResourceRequirements", "requests"),
    ("PodSpec", "overhead"),
    ("LimitRangeItem", "default"),
    ("LimitRangeItem", "defaultRequest"),
    ("LimitRangeItem", "max"),
    ("LimitRangeItem", "min"),
    ("ResourceQuotaSpec", "hard"),
    ("EmptyDirVolumeSource", "sizeLimit"),
    ("ResourceFieldSelector", "divisor"),
}
_BYTES = {("Secret", "data"), ("ConfigMap", "binaryData")}
# A pointer distinguishes "empty" from "missing", so an empty value stays; other empty strings, lists and maps are
# omitted.
_POINTERS = {
    "timeZone",
    "runtimeClassName",
    "storageClassName",
    "managedBy",
    "preemptionPolicy",
    "podReplacementPolicy",
}
# Booleans that are not pointers: false is omitted.
_PLAIN_FLAGS = {"hostIPC", "hostNetwork", "hostPID", "readOnly", "stdin", "stdinOnce", "tty"}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a struct; `type` in the client's notation, such as list[Container] or dict(str, quantity)."""

    name: str
    type: str
    keeps_empty: bool


@cache
def fields(struct: str) -> dict[str, Field]:
    """Return a struct's fields by their JSON names."""
    types, names = _model(struct)
    named = {names[attribute]: kind for attribute, kind in types.items()}
    found = {}
    for name, declared in named.items():
        field_type = _type(struct, name, declared)
        keeps = name in _POINTERS or field_type.startswith("*") or is_struct(field_type)
        keeps = keeps or (field_type == "bool" and name not in _PLAIN_FLAGS) or field_type.startswith("int")
        found[name] = Field(sys.intern(name), field_type, keeps)
    return found


def is_struct(field_type: str) -> bool:
    """Return whether a type is a struct with fields."""
    return field_type[:1].isupper()


def _model(struct: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the two tables of a client's model: attribute to type, and attribute to JSON name."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", struct).lower()
    for name in (f"core_v1_{snake}", f"v1_{snake}"):
        path = _models() / f"{name}.py"
        if path.exists():
            source = path.read_text()
            return _table("openapi_types", source), _table("attribute_map", source)
    raise KeyError(struct)


def _table(name: str, source: str) -> dict[str, str]:
    begin = source.index("{", source.index(f"\n    {name} = {{"))
    return dict(ast.literal_eval(source[begin : source.index("}", begin) + 1]))


@cache
def _models() -> Path:
    client = find_spec("kubernetes")
    if client is None or client.origin is None:
        raise ModuleNotFoundError("the official kubernetes client is not installed")
    return Path(client.origin).parent / "client" / "models"


def _type(struct: str, name: str, declared: str) -> str:
    """Return a field's type in the client's notation, but with Go's names for structs and more types of scalars."""
    declared = re.sub(r"\b(?:Core)?V1(\w+)", r"\1", declared)
    if (struct, name) in _QUANTITIES:
        return declared.replace("str)", "quantity)") if declared.startswith("dict") else "quantity"
    if (struct, name) in _BYTES:
        return "dict(str, bytes)"
    if name in _INT64:
        return declared.replace("int", "int64")
    if name == "fieldsV1":
        return "object"
    return declared.replace("object", "int-or-string") if name == "port" else declared
