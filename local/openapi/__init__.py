"""docs/openapi.json: the functions' own schemas, merged and described for users; `make openapi` writes it.

The facts come from the code: routes, parameters and schemas from the functions and their models, errors from the
resolver's table, webhooks from their payload. Descriptions and examples are in `words/`, which no function loads. A
field without a description, or a description without a field, is an error.
"""

import json
import os
from pathlib import Path
from typing import Any

from jobs_api import VERSION
from local.openapi import channels, errors, field_examples, operations, schemas, webhooks
from local.openapi.words import words
from local.template import Template

ROOT = Path(__file__).parents[2]
DESCRIPTION = """\
Scheduled and on-demand dbt and SQLMesh jobs on your own cluster.

Every request carries `Authorization: Bearer <token>`. A token belongs to one organization; what belongs to another \
does not exist for it. Every answer that is not a success is a `Problem`. A field that has no value is left out of an \
answer, never `null`, and answers may gain fields. Times are RFC 3339 in UTC."""
LICENSE = {"name": "Apache License 2.0", "identifier": "Apache-2.0"}
SERVERS = [
    {
        "url": "https://{host}",
        "description": "Where the service is deployed",
        "variables": {
            "host": {
                "default": "jobs.example.com",
                "description": "The domain of the service, or `<api>.execute-api.<region>.amazonaws.com/<stage>`",
            }
        },
    },
    {"url": "http://127.0.0.1:3000", "description": "On a laptop, by `make run`"},
]
TAGS = {
    "Projects and tokens": "Tokens and projects: who may do what, and with which code",
    "Jobs": "What runs, when, and who is notified",
    "Runs": "What ran, as it is recorded, and its logs",
    "Live jobs": "What is in the cluster now",
    "Notifications": "{messages} about runs",
    "Audit log": "Who wrote what, and when",
    "Webhooks": "What the service sends to the `webhook_url` of a job",
}
BEARER = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "jat_<id>_<secret>",
    "description": "A token of an organization; the role `reader` may only read, and only `admin` reads the audit log "
    "and manages tokens",
}


def document(functions: list[str]) -> dict[str, Any]:
    """Return the API that these functions serve as OpenAPI 3.1."""
    served = [found for function in functions if (found := operations.served(function))]
    bodies = operations.bodies(served)
    models = {name: schema for one in served for name, schema in one.schemas.items()}
    named = schemas.named({**models, **channels.schemas(models), **errors.schemas(), **webhooks.schemas()}, bodies)
    paths: dict[str, Any] = {}
    for one in served:
        paths.setdefault(one.path, {})[one.method] = operations.described(one)
    whole = {
        "openapi": "3.1.0",
        "info": {"title": "Jobs API", "version": VERSION, "description": DESCRIPTION, "license": LICENSE},
        "servers": SERVERS,
        "tags": [{"name": name, "description": channels.filled(description)} for name, description in TAGS.items()],
        "paths": paths,
        "webhooks": webhooks.described(),
        "components": {
            "schemas": named,
            "responses": errors.responses(),
            "parameters": operations.PARAMETERS,
            "headers": errors.HEADERS,
            "securitySchemes": {"bearer": BEARER},
        },
        "security": [{"bearer": []}],
    }
    complete = field_examples.added(schemas.renamed(whole))
    words.all_said()
    return complete


def text(template: Template) -> str:
    """Return the content of docs/openapi.json."""
    for name, value in template.environment().items():
        os.environ.setdefault(name, value)
    functions = sorted(app.parent.name for app in (ROOT / "functions").glob("*/app.py"))
    return json.dumps(document(functions), indent=2, ensure_ascii=False) + "\n"
