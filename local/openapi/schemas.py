"""The schemas of the document: pydantic's, each with a name and a description for users.

An answer omits fields without a value and may have new fields. pydantic's schema says otherwise: a missing value is
`null` and an unknown field is an error. So the schemas of answers are changed.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from local.openapi.words import words

PREFIX = "#/components/schemas/"
NULL = {"type": "null"}
# Objects and enumerations without a class, by their field.
INLINE = {
    "environment": "Environment",
    "jobs": "ListedJob",
    "webhook_headers": "WebhookHeaders",
    "requests": "Quantities",
    "limits": "Quantities",
    "fields": "FieldChanges",
    "form": "FormFields",
    "from": "RetryFrom",
    "concurrency_policy": "ConcurrencyPolicy",
    "on_overlap": "OnOverlap",
}


def named(models: dict[str, Any], bodies: dict[str, Any]) -> dict[str, Any]:
    """Return every schema with descriptions, by its class's name, or a body's by its name in the document."""
    found = {**models, **bodies}
    inline: dict[str, Any] = {}
    enums = {_values(schema): name for name, schema in models.items() if "enum" in schema}
    for schema in found.values():
        for name, field in schema.get("properties", {}).items():
            schema["properties"][name] = _without_inline(_simplified(field), name, inline, enums)
    sent = set(_reachable(bodies, found))
    for name, schema in found.items():
        if name not in bodies and "properties" in schema:
            _as_answered(schema, shared=name in sent)
    public = words.public_names()
    called = {public.get(name, name): schema for name, schema in {**found, **inline}.items()}
    return {name: _described(name, called[name]) for name in sorted(called)}


def renamed(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with each class called by its public name."""
    encoded = json.dumps(document, ensure_ascii=False)
    for name, public in words.public_names().items():
        encoded = encoded.replace(f'"{PREFIX}{name}"', f'"{PREFIX}{public}"')
    whole: dict[str, Any] = json.loads(encoded)
    return whole


def tidy_parameter(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a parameter, which may be absent but never `null`."""
    return _without_null(_simplified(schema))


def _simplified(schema: dict[str, Any]) -> dict[str, Any]:
    """Drop the titles that pydantic makes of names, and write whole numbers without a fraction."""
    kept = {key: value for key, value in schema.items() if key not in {"title", "description"}}
    whole = {key: int(kept[key]) for key in ("minimum", "maximum") if isinstance(kept.get(key), float)}
    return {**kept, **whole, **({"anyOf": [_simplified(kind) for kind in kept["anyOf"]]} if "anyOf" in kept else {})}


def _without_inline(field: dict[str, Any], name: str, inline: dict[str, Any], enums: dict[Any, str]) -> dict[str, Any]:
    """Move an object or enumeration that is written inside a field to a schema of its own."""
    if "anyOf" in field:
        return {**field, "anyOf": [_without_inline(kind, name, inline, enums) for kind in field["anyOf"]]}
    if field.get("type") == "array":
        return {**field, "items": _without_inline(_simplified(field["items"]), name, inline, enums)}
    if "enum" in field and _values(field) in enums:
        return {"$ref": PREFIX + enums[_values(field)]}
    if "enum" not in field and "additionalProperties" not in field:
        return field
    inline[INLINE[name]] = {key: value for key, value in field.items() if key != "default"}
    return {"$ref": PREFIX + INLINE[name], **({"default": field["default"]} if "default" in field else {})}


def _values(schema: dict[str, Any]) -> frozenset[str]:
    return frozenset(schema["enum"])


def _as_answered(schema: dict[str, Any], *, shared: bool) -> None:
    """Turn a model's schema into that of an answer; a `shared` one is also a body, and stays strict."""
    always = [name for name, field in schema["properties"].items() if NULL not in field.get("anyOf", [])]
    schema["properties"] = {name: _without_null(field) for name, field in schema["properties"].items()}
    for field in schema["properties"].values():
        field.pop("default", None)
    if not shared:
        schema.pop("additionalProperties", None)
        schema["required"] = always
        if not always:
            del schema["required"]


def _without_null(field: dict[str, Any]) -> dict[str, Any]:
    kinds = [kind for kind in field.get("anyOf", []) if kind != NULL]
    rest = {key: value for key, value in field.items() if key != "anyOf"}
    return {**kinds[0], **rest} if len(kinds) == 1 else field


def _described(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in schema.items() if key not in {"title", "description", "properties"}}
    fields = {}
    for field, content in schema.get("properties", {}).items():
        # Client generators accept only plain values as defaults.
        plain = {key: value for key, value in content.items() if key != "default" or not isinstance(value, dict | list)}
        fields[field] = {**plain, "description": words.field(name, field)}
    return {"description": words.schema(name), **kept, **({"properties": fields} if fields else {})}


def _reachable(some: Any, schemas: dict[str, Any]) -> Iterator[str]:
    """Yield the names of the schemas that are referred to, directly or indirectly; no schema refers to itself."""
    for name in re.findall(rf'"{PREFIX}(\w+)"', json.dumps(some)):
        yield name
        yield from _reachable(schemas.get(name, {}), schemas)
