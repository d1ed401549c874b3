"""The calls of the document: each function's route, with its parameters, its body, its answers and its errors."""

import importlib
import json
from dataclasses import dataclass
from typing import Any

from jobs_api.api.body_schemas import JSON_TYPE, TEXT_TYPE
from local.openapi import channels, errors
from local.openapi.schemas import PREFIX, tidy_parameter
from local.openapi.words import words

# Powertools' own errors, which this API never answers.
FOREIGN = {"HTTPValidationError", "ResponseValidationError", "ValidationError"}
PARAMETERS: dict[str, Any] = {
    "X-Organization-ID": {
        "name": "X-Organization-ID",
        "in": "header",
        "required": False,
        "description": "The organization of the token; any other one is refused",
        "schema": {"type": "string"},
    },
    "Idempotency-Key": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "The same key, path and body within 24 hours get the first answer again; nothing is done twice",
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    },
}


@dataclass(frozen=True)
class Served:
    """The call that a function answers, as Powertools documents it."""

    function: str
    method: str
    path: str
    operation: dict[str, Any]
    schemas: dict[str, Any]
    idempotent: bool


def served(function: str) -> Served | None:
    """Return the call that a function answers; None if it answers none."""
    module = importlib.import_module(f"functions.{function}.app")
    if not hasattr(module, "app"):
        return None
    schema = json.loads(module.app.get_openapi_json_schema())
    ((path, methods),) = schema["paths"].items()
    ((method, operation),) = methods.items()
    models = {name: model for name, model in schema["components"]["schemas"].items() if name not in FOREIGN}
    return Served(function, method, path, operation, models, module.app.idempotent)


def bodies(calls: list[Served]) -> dict[str, Any]:
    """Return the schemas of all bodies, by their names in the document."""
    return {
        words.operation(call.function)["body"]["schema"]: call.operation["requestBody"]["content"][JSON_TYPE]["schema"]
        for call in calls
        if "requestBody" in call.operation
    }


def described(call: Served) -> dict[str, Any]:
    """Return a call as the document shows it."""
    description = words.operation(call.function)
    body = {"requestBody": _body(call.operation["requestBody"], description["body"])} if "body" in description else {}
    return {
        "tags": [description["tag"]],
        "operationId": call.function,
        "summary": description["summary"],
        "description": channels.filled(description["description"]),
        "parameters": _parameters(call),
        **body,
        "responses": {**_answers(call, description), **errors.of(_codes(call, description))},
    }


def _parameters(call: Served) -> list[dict[str, Any]]:
    own = [
        {
            "name": parameter["name"],
            "in": parameter["in"],
            "required": parameter["required"],
            "description": words.parameter(call.function, parameter["name"]),
            "schema": tidy_parameter(parameter["schema"]),
        }
        for parameter in call.operation.get("parameters", [])
    ]
    headers = ["X-Organization-ID", *(["Idempotency-Key"] if call.idempotent else [])]
    return [*own, *({"$ref": f"#/components/parameters/{name}"} for name in headers)]


def _body(body: dict[str, Any], description: dict[str, Any]) -> dict[str, Any]:
    examples = {name: words.example("bodies", name) for name in description["examples"]}
    content = {"schema": {"$ref": PREFIX + description["schema"]}, "examples": examples}
    return {
        "description": description["description"],
        "required": body.get("required", False),
        "content": {JSON_TYPE: content},
    }


def _answers(call: Served, description: dict[str, Any]) -> dict[str, Any]:
    ((status, answer),) = (
        (code, response) for code, response in call.operation["responses"].items() if code.startswith("2")
    )
    location = (
        {"description": description["location"], "required": True, "schema": {"type": "string"}}
        if "location" in description
        else {}
    )
    headers = {**errors.REQUEST_ID, **({"Location": location} if location else {})}
    schema = answer["content"][JSON_TYPE]["schema"]
    models = [response["$ref"].removeprefix(PREFIX) for response in schema.get("anyOf", [schema])]
    examples = {model: words.example("answers", words.public_names().get(model, model)) for model in models}
    content: dict[str, Any] = {JSON_TYPE: _with_examples(models, examples)}
    if TEXT_TYPE in answer["content"]:
        content[TEXT_TYPE] = {"schema": {"type": "string"}, "example": examples[models[0]]["logs"]}
    return {status: {"description": description["answer"], "headers": headers, "content": content}}


def _with_examples(models: list[str], examples: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON of an answer, which depends on the parameters if there is more than one model."""
    refs = [{"$ref": PREFIX + model} for model in models]
    if len(models) == 1:
        return {"schema": refs[0], "example": examples[models[0]]}
    return {"schema": {"anyOf": refs}, "examples": {model: {"value": examples[model]} for model in models}}


def _codes(call: Served, description: dict[str, Any]) -> set[str]:
    """Return the error codes of a call: those of every call, of its parameters and body, and of its words."""
    places = {parameter["in"] for parameter in call.operation.get("parameters", [])}
    codes = errors.EVERYWHERE | set(description.get("errors", []))
    codes |= {"not_found"} if "path" in places else set()
    codes |= {"invalid_request"} if "query" in places or call.idempotent else set()
    return codes | (errors.OF_A_BODY if "requestBody" in call.operation else set())
