"""The fields of each kind and their types, and JSON read into them as Go's decoder reads it into Kubernetes' structs.

`null` is the zero value. Empty optional fields are omitted, unknown fields are reported, and values of a wrong type are
refused in Go's words. The fields come from the official client's models; the tables here have what the models lack,
such as the width of integers. The models are read as files, because Python can only import all 700, which takes
seconds.
"""

import ast
import re
import sys
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from local.cluster.rules.scalars import SCALARS, Misfit, Reader, kind_of, scalar_reader

_KNOWN_BY_ALL = {"apiVersion", "kind"}
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
# Strings with a type of their own, which Go's messages name.
_NAMED = {
    "concurrencyPolicy": "ConcurrencyPolicy",
    "completionMode": "CompletionMode",
    "dnsPolicy": "DNSPolicy",
    "effect": "TaintEffect",
    "imagePullPolicy": "PullPolicy",
    "podReplacementPolicy": "PodReplacementPolicy",
    "preemptionPolicy": "PreemptionPolicy",
    "protocol": "Protocol",
    "restartPolicy": "RestartPolicy",
    "terminationMessagePolicy": "TerminationMessagePolicy",
}
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
# Structs that are not pointers: Go shows them even if they are not set.
_ALWAYS = {
    ("Container", "resources"),
    ("CronJob", "metadata"),
    ("CronJob", "spec"),
    ("CronJobSpec", "jobTemplate"),
    ("Job", "metadata"),
    ("Job", "spec"),
    ("JobSpec", "template"),
    ("JobTemplateSpec", "metadata"),
    ("JobTemplateSpec", "spec"),
    ("Namespace", "metadata"),
    ("Namespace", "spec"),
    ("Pod", "metadata"),
    ("Pod", "spec"),
    ("PodTemplateSpec", "metadata"),
    ("PodTemplateSpec", "spec"),
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a struct; `type` in the client's notation, such as list[Container] or dict(str, quantity)."""

    name: str
    type: str
    keeps_empty: bool


def read(struct: str, parsed: Any) -> tuple[dict[str, Any], list[str]]:
    """Return JSON as an object of a struct, and the paths of unknown fields; raises ValueError."""
    unknown: list[str] = []
    return reader(struct)(parsed, "", unknown), unknown


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


@cache
def reader(field_type: str, shown: str = "") -> Reader:
    """Return a function that reads a value of a type, given the value's path and a list for paths of unknown fields."""
    if is_struct(field_type):
        return _struct_reader(field_type)
    if field_type.startswith("list["):
        return _list_reader(field_type[5:-1])
    if field_type.startswith("dict("):
        return _map_reader(field_type[10:-1])
    return SCALARS.get(field_type) or scalar_reader(field_type, shown or _written(field_type))


def _written(field_type: str) -> str:
    """Write a type as Go's messages do."""
    if is_struct(field_type):
        return f"v1.{field_type}"
    if field_type.startswith("list["):
        return "[]" + _written(field_type[5:-1])
    if field_type.startswith("dict("):
        inner = field_type[10:-1]
        return "v1.ResourceList" if inner == "quantity" else f"map[string]{_written(inner)}"
    return {"str": "string", "int": "int32", "float": "float64", "bytes": "[]uint8"}.get(field_type, field_type)


def _struct_reader(struct: str) -> Reader:
    readers: dict[str, tuple[Field, Reader]] = {}
    always = [name for owner, name in sorted(_ALWAYS) if owner == struct]

    def read_struct(value: Any, path: str, unknown: list[str]) -> Any:
        if not isinstance(value, dict):
            raise Misfit(kind_of(value), _written(struct))
        if not readers:  # on first use, since structs may contain themselves
            readers.update({name: (field, _field_reader(field)) for name, field in fields(struct).items()})
        into: dict[str, Any] = {"creationTimestamp": None} if struct == "ObjectMeta" else {}
        for name, item in value.items():
            inner = f"{path}.{name}" if path else name
            if not path and name in _KNOWN_BY_ALL:
                into[name] = item
            elif name not in readers:
                unknown.append(inner)
            elif item is not None:
                _read_field(readers[name], item, inner, unknown, into, struct)
        for name in always:
            if name not in into:
                _read_field(readers[name], {}, f"{path}.{name}" if path else name, unknown, into, struct)
        return into

    return read_struct


def _field_reader(field: Field) -> Reader:
    named = f"v1.{_NAMED[field.name]}" if field.name in _NAMED else ""
    return reader(field.type, "types.UID" if field.name == "uid" else named)


def _read_field(
    known: tuple[Field, Reader], item: Any, path: str, unknown: list[str], into: dict[str, Any], struct: str
) -> None:
    field, read_value = known
    try:
        value = read_value(item, path, unknown)
    except Misfit as misfit:
        bare = re.sub(r"\[\d+\]", "", path)
        place = f"Go struct field {struct}.{bare} of type {misfit.wanted}"
        raise ValueError(f"json: cannot unmarshal {misfit.found} into {place}") from None
    if value or field.keeps_empty:
        into[field.name] = value


def _list_reader(item_type: str) -> Reader:
    read_item, shown = reader(item_type), _written(f"list[{item_type}]")

    def read_list(value: Any, path: str, unknown: list[str]) -> Any:
        if not isinstance(value, list):
            raise Misfit(kind_of(value), shown)
        return [
            _zero(item_type) if item is None else read_item(item, f"{path}[{index}]", unknown)
            for index, item in enumerate(value)
        ]

    return read_list


def _map_reader(item_type: str) -> Reader:
    read_item, shown = reader(item_type), _written(f"dict(str, {item_type})")

    def read_map(value: Any, path: str, unknown: list[str]) -> Any:
        if not isinstance(value, dict):
            raise Misfit(kind_of(value), shown)
        return {
            sys.intern(key): _zero(item_type) if item is None else read_item(item, path, unknown)
            for key, item in value.items()
        }

    return read_map


def _zero(item_type: str) -> Any:
    """Return the value of a null in a list or a map."""
    if is_struct(item_type):
        return reader(item_type)({}, "?", [])
    return {"str": "", "bytes": "", "bool": False, "quantity": "0"}.get(item_type, 0)
