"""The JSON schema of the file: made of the API's document, and true of files that are accepted."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from jobs_cli.as_code import importing

from jobs_api.model.job_settings import JobSettings
from jobs_api.model.service_fields import READ_ONLY
from local.openapi import jobs_file
from tests.cli.conftest import Jobs

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "cli/jobs_cli/as_code/jobs.schema.json").read_text())
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)


def test_the_committed_schema_is_current(jobs: Jobs) -> None:
    current = jobs_file.text(json.loads((ROOT / "docs/openapi.json").read_text()))

    assert jobs("schema").out == current, "make openapi"


@pytest.mark.parametrize(
    "text",
    [
        "project: p\njobs: [{name: a, command: dbt run, run_after: [{job: b, on: [success]}]}]",
        "defaults: {timezone: UTC}\nprojects: {p: {defaults: {command: dbt run}, jobs: [{name: a, id: job_1}]}}",
        "projects: {p: {jobs: []}}",
    ],
)
def test_valid_files_match_the_schema(text: str) -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    VALIDATOR.validate(yaml.safe_load(text.replace("on:", "'on':")))


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"projects": {}, "project": "p", "jobs": []},
        {"projects": {"p": {}}},
        {"project": "p", "jobs": [{"command": "dbt run"}]},
        {"project": "p", "jobs": [{"name": "a", "comand": "dbt run"}]},
        {"project": "p", "jobs": [{"name": "a", "retries": 9}]},
        {"project": "p", "jobs": [{"name": "a", "run_after": [{"on": ["success"]}]}]},
        {"project": "p", "jobs": [], "defaults": {"name": "a"}},
    ],
)
def test_invalid_files_do_not_match_the_schema(content: Any) -> None:
    assert list(VALIDATOR.iter_errors(content))


def test_an_import_knows_the_defaults_and_what_the_service_adds() -> None:
    defaults = JobSettings.known(name="", command="").model_dump(mode="json")
    pauses = {"paused_until", "pause_reason"}

    assert READ_ONLY | pauses == importing.NOT_WRITTEN
    # Resources without a value are not in the answer at all.
    assert {name: value for name, value in defaults.items() if name not in {"name", "command", "resources"}} == {
        name: value for name, value in importing.DEFAULTS.items() if name != "resources"
    }
