"""An example for each field: what it holds in the examples of bodies and answers, else what `words/` says.

A field that is an object, or a list of objects, needs none of its own: the fields of that object have theirs.
"""

from collections.abc import Iterator
from typing import Any

from local.openapi.words import words

type Found = dict[tuple[str, str], Any]


def added(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with an example in each field; raises MissingWords if there is none for one."""
    found: Found = {}
    calls = [call for group in ("paths", "webhooks") for item in document[group].values() for call in item.values()]
    answers = {"responses": document["components"]["responses"]}
    for call in (*calls, answers):
        for content in _contents(call):
            for example in _examples(content):
                _collect(example, content["schema"], document, found)
    schemas = {name: _with_examples(name, schema, found, document) for name, schema in _schemas(document).items()}
    return {**document, "components": {**document["components"], "schemas": schemas}}


def _contents(call: dict[str, Any]) -> Iterator[dict[str, Any]]:
    bodies = [call["requestBody"]] if "requestBody" in call else []
    for part in (*bodies, *call["responses"].values()):
        yield from part.get("content", {}).values()


def _examples(content: dict[str, Any]) -> list[Any]:
    """Return the examples of a body or an answer; `examples` have names, and `example` is alone."""
    alone = [content["example"]] if "example" in content else []
    return alone + [example["value"] for example in content.get("examples", {}).values()]


def _collect(value: Any, schema: dict[str, Any], document: dict[str, Any], found: Found) -> None:
    """Note the first value of each field in an example."""
    for kind in schema.get("anyOf", [schema]):
        name, referred = _referred(kind, document)
        if isinstance(value, list):
            for one in value:
                _collect(one, referred.get("items", {}), document, found)
        elif isinstance(value, dict):
            fields = referred.get("properties", {})
            others = referred.get("additionalProperties")
            # As a schema, True or False only says whether further fields are allowed.
            others = others if isinstance(others, dict) else {}
            for field, one in value.items():
                if field in fields and one is not None:
                    found.setdefault((name, field), one)
                _collect(one, fields.get(field, others), document, found)


def _with_examples(name: str, schema: dict[str, Any], found: Found, document: dict[str, Any]) -> dict[str, Any]:
    if "properties" not in schema:
        return schema
    fields = {
        field: content if _is_composed(content, document) else {**content, "examples": [_example(name, field, found)]}
        for field, content in schema["properties"].items()
    }
    return {**schema, "properties": fields}


def _example(name: str, field: str, found: Found) -> Any:
    if (name, field) in found:
        return found[name, field]
    return words.field_example(name, field)


def _is_composed(content: dict[str, Any], document: dict[str, Any]) -> bool:
    """Return whether a field is an object with fields, or a list of such."""
    kinds = [_referred(kind, document)[1] for kind in content.get("anyOf", [content])]
    inner = [_referred(kind["items"], document)[1] for kind in kinds if "items" in kind]
    return any("properties" in kind for kind in (*kinds, *inner))


def _referred(schema: dict[str, Any], document: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    name = schema.get("$ref", "").rpartition("/")[2]
    return name, _schemas(document)[name] if name else schema


def _schemas(document: dict[str, Any]) -> dict[str, Any]:
    schemas: dict[str, Any] = document["components"]["schemas"]
    return schemas
