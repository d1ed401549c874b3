"""The JSON schema of `jobs.yml`, made of the API's document, so that editors complete and check the file.

`python -m local.openapi.jobs_file` prints it; cli/jobs_cli/as_code/jobs.schema.json is committed, and part of the
command line.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any, Final

from local.openapi.schemas import PREFIX

ROOT = Path(__file__).parent.parent.parent
HERE: Final = "#/definitions/"
# Editors know this version best.
DIALECT: Final = "http://json-schema.org/draft-07/schema#"


def file_schema(document: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of the file, from the API's document."""
    known = _schemas_of_the_file(document)
    used = _reachable("JobCreate", known)
    return {
        "$schema": DIALECT,
        "title": "Jobs as code",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "defaults": {"$ref": f"{HERE}Defaults"},
            "projects": {
                "description": "Projects, by their names or ids",
                "type": "object",
                "additionalProperties": {"$ref": f"{HERE}Project"},
            },
            "project": {"description": "The only project of the file, by its name or id", "type": "string"},
            "jobs": {"$ref": f"{HERE}Jobs"},
        },
        "oneOf": [{"required": ["projects"]}, {"required": ["project", "jobs"]}],
        "definitions": {**_definitions(known["JobCreate"]), **{name: known[name] for name in sorted(used)}},
    }


def _schemas_of_the_file(document: dict[str, Any]) -> dict[str, Any]:
    """Return the API's schemas, changed to what the file has: names instead of ids."""
    known: dict[str, Any] = json.loads(json.dumps(document["components"]["schemas"]).replace(PREFIX, HERE))
    job = known["JobCreate"]
    job["description"] = "A job; fields that it leaves out have their defaults"
    job["required"] = ["name"]
    job["properties"]["id"] = {"type": "string", "description": "The id of a job that is renamed to `name`"}
    predecessor = known["Predecessor"]
    predecessor["properties"]["job"] = {"type": "string", "description": "The name of the job, instead of its id"}
    predecessor["required"] = []
    predecessor["oneOf"] = [{"required": ["job"]}, {"required": ["job_id"]}]
    return known


def _definitions(job: dict[str, Any]) -> dict[str, Any]:
    """Return the schemas that only the file has."""
    fields = {name: field for name, field in job["properties"].items() if name not in {"id", "name"}}
    return {
        "Defaults": {
            "description": "Fields for jobs that do not set them; `environment` is merged variable by variable",
            "type": ["object", "null"],
            "additionalProperties": False,
            "properties": {name: {k: v for k, v in field.items() if k != "default"} for name, field in fields.items()},
        },
        "Jobs": {"description": "The jobs of the project", "type": "array", "items": {"$ref": f"{HERE}JobCreate"}},
        "Project": {
            "description": "A project",
            "type": "object",
            "additionalProperties": False,
            "required": ["jobs"],
            "properties": {"defaults": {"$ref": f"{HERE}Defaults"}, "jobs": {"$ref": f"{HERE}Jobs"}},
        },
    }


def text(document: dict[str, Any]) -> str:
    """Return the schema as it is committed."""
    return json.dumps(file_schema(document), indent=1, ensure_ascii=False) + "\n"


def _reachable(name: str, known: dict[str, Any]) -> set[str]:
    found = {name}
    left = [name]
    while left:
        for one in re.findall(rf'"{HERE}(\w+)"', json.dumps(known[left.pop()])):
            if one not in found:
                found.add(one)
                left.append(one)
    return found


if __name__ == "__main__":
    sys.stdout.write(text(json.loads((ROOT / "docs/openapi.json").read_text(encoding="utf-8"))))
