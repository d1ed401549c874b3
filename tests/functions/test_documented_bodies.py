"""The service accepts the examples of bodies in docs/openapi.json."""

import json
from pathlib import Path
from typing import Any

import pytest

from jobs_api.model.project import Project
from jobs_api.trigger.request import TriggerRequest
from tests.functions.people import Person
from tests.notifications.notification_world import new_job

DOCUMENT = json.loads((Path(__file__).parents[2] / "docs" / "openapi.json").read_text())


def examples(method: str, path: str) -> dict[str, Any]:
    body = DOCUMENT["paths"][f"/api/v1/projects/{{project_id}}/jobs{path}"][method]["requestBody"]
    return {name: one["value"] for name, one in body["content"]["application/json"]["examples"].items()}


@pytest.mark.parametrize("name", examples("post", ""))
def test_an_example_of_a_job_can_be_created(name: str, alice: Person, jaffle: Project, analytics: Project) -> None:
    body = examples("post", "")[name]
    project = jaffle if body["command"].startswith("dbt") else analytics

    answer = alice.call("POST", f"/api/v1/projects/{project.id}/jobs", body)

    assert answer.status == 201, answer.text
    shown = body | ({"webhook_headers": {"X-Team": "***"}} if "webhook_headers" in body else {})
    assert shown.items() <= answer.json.items()


@pytest.mark.parametrize("name", examples("put", "/{job_id}"))
def test_an_example_of_a_change_can_be_made(name: str, alice: Person, analytics: Project) -> None:
    body = examples("put", "/{job_id}")[name]
    made = alice.call("POST", f"/api/v1/projects/{analytics.id}/jobs", examples("post", "")["sqlmesh"]).json

    answer = alice.call("PUT", f"/api/v1/projects/{analytics.id}/jobs/{made['id']}", body)

    assert answer.status == 200, answer.text
    defaults: dict[str, Any] = {"resources": {}}
    assert {
        key: defaults[key] if value is None else value for key, value in body.items()
    }.items() <= answer.json.items()


@pytest.mark.parametrize("name", examples("post", "/{job_id}/trigger"))
def test_an_example_of_a_trigger_keeps_the_rules(name: str, jaffle: Project) -> None:
    body = examples("post", "/{job_id}/trigger")[name]

    assert TriggerRequest.of(body, jaffle, new_job(jaffle)[0]).model_dump(exclude_unset=True) == body
