"""Writes docs/openapi.json: the functions' own schemas, merged, with this API's errors; `make openapi`."""

import importlib
import inspect
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aws_lambda_powertools.event_handler.openapi import OpenAPIMerge
from aws_lambda_powertools.event_handler.openapi.models import Server

from jobs_api import VERSION
from local.template import Template, read

ROOT = Path(__file__).parent.parent
DESCRIPTION = (
    "Scheduled and on-demand dbt and SQLMesh jobs. Every request carries `Authorization: Bearer <token>`; every "
    "answer that is not a success is a `Problem`."
)

IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key, path and body within 24 hours gets the first answer again",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
}


def document(functions: list[str]) -> dict[str, Any]:
    """Return the API that these functions serve as OpenAPI 3.1."""
    from jobs_api.api.resolver import Problem  # noqa: PLC0415 - its module may need the environment

    merge = OpenAPIMerge(
        title="Jobs API",
        version=VERSION,
        description=DESCRIPTION,
        servers=[Server(url="/")],
        on_conflict="error",
    )
    for function in functions:
        module = importlib.import_module(f"functions.{function}.app")
        if hasattr(module, "app"):
            schema = json.loads(module.app.get_openapi_json_schema())
            merge.add_schema(_operation(schema, getattr(module, function), idempotent=module.app.idempotent))
    merged = merge.get_openapi_schema()
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas = merged["components"]["schemas"]
    schemas |= problem.pop("$defs") | {"Problem": problem}
    for unused in ("HTTPValidationError", "ResponseValidationError", "ValidationError"):
        schemas.pop(unused, None)
    bearer = {"type": "http", "scheme": "bearer", "bearerFormat": "jat_<id>_<secret>"}
    merged["components"]["securitySchemes"] = {"bearer": bearer}
    return {**merged, "security": [{"bearer": []}]}


def _operation(schema: dict[str, Any], handler: Callable[..., Any], *, idempotent: bool) -> dict[str, Any]:
    """Call the operation by its function's name, describe it in its words, and let every error be a Problem."""
    words = inspect.getdoc(handler) or ""
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for operations in schema["paths"].values():
        for operation in operations.values():
            operation["operationId"] = handler.__name__
            operation["summary"], _, description = words.partition("\n\n")
            operation["description"] = description or words
            if idempotent:
                operation["parameters"].append(IDEMPOTENCY_KEY)
            right = {code: answer for code, answer in operation["responses"].items() if code.startswith("2")}
            operation["responses"] = {**right, "default": {"description": "What went wrong", "content": content}}
    return schema


def text(template: Template) -> str:
    """Return the file as it should stand in docs/."""
    for name, value in template.environment().items():
        os.environ.setdefault(name, value)
    functions = sorted(app.parent.name for app in (ROOT / "functions").glob("*/app.py"))
    return json.dumps(document(functions), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    sys.stdout.write(text(read(ROOT / "template.yaml", cache=ROOT / ".local" / "cache")))
