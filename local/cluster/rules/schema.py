"""JSON read into the fields of a struct as Go's decoder reads it into Kubernetes' structs.

`null` is the zero value. Empty optional fields are omitted, unknown fields are reported, and values of a wrong type are
refused in Go's words.
"""

import re
import sys
from functools import cache
from typing import Any

from local.cluster.rules.scalars import SCALARS, Misfit, Reader, kind_of, scalar_reader
from local.cluster.rules.structs import Field, fields, is_struct

_KNOWN_BY_ALL = {"apiVersion", "kind"}
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


def read(struct: str, parsed: Any) -> tuple[dict[str, Any], list[str]]:
    """Return JSON as an object of a struct, and the paths of unknown fields; raises ValueError."""
    unknown: list[str] = []
    return reader(struct)(parsed, "", unknown), unknown


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
