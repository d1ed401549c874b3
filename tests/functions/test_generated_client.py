"""A client that openapi-python-client generates from docs/openapi.json sends the given fields and no others."""

import json
import subprocess
import textwrap
from pathlib import Path
from typing import Any

import pytest

from jobs_api.model.project import Project
from tests.functions.people import Person

ROOT = Path(__file__).parents[2]
BIN = ROOT / ".tools" / "client" / "bin"
OTHERS: dict[str, Any] = {
    "name": "nightly",
    "command": "dbt build",
    "schedule": "0 2 * * *",
    "timezone": "Europe/Berlin",
    "enabled": False,
    "resources": {"limits": {"memory": "1Gi"}},
    "environment": {"DBT_TARGET": "prod"},
    "slack_channel": "#data-alerts",
    "slack_alerts_enabled": True,
    "slack_alert_on_success": True,
    "webhook_enabled": True,
    "webhook_url": "https://example.com/hook",
    "webhook_events": ["failure"],
}
# Runs in the folder of the generated client; prints the request, and how the client reads the given answer.
CALL = """
import json, sys
import httpx
from jobs_client import AuthenticatedClient
from jobs_client.api.{module} import {call}
from jobs_client import models

def answer(request):
    print(json.dumps([request.method, request.url.path, json.loads(request.content or "null")]))
    return httpx.Response({status}, json=json.loads(sys.argv[1]))

client = AuthenticatedClient("http://jobs.test", "jat_x_y", httpx_args={{"transport": httpx.MockTransport(answer)}})
print(json.dumps({call}.sync(*json.loads(sys.argv[2]), client=client{arguments}).to_dict()))
"""


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert BIN.exists(), "make .tools/client/ready"
    folder = tmp_path_factory.mktemp("generated")
    (folder / "config.yaml").write_text("post_hooks: []\n")
    made = subprocess.run(
        [
            f"{BIN}/openapi-python-client",
            "generate",
            "--path",
            f"{ROOT}/docs/openapi.json",
            "--meta",
            "none",
            "--fail-on-warning",
            "--config",
            f"{folder}/config.yaml",
            "--output-path",
            f"{folder}/jobs_client",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    return folder


def sent(
    generated: Path, call: str, *path: str, arguments: str = "", answer: Any, status: int = 200, module: str = "jobs"
) -> tuple[list[Any], Any]:
    """Return the request of a generated call, and the answer as the client read it."""
    program = textwrap.dedent(CALL).format(call=call, arguments=arguments, status=status, module=module)
    given = [f"{BIN}/python", "-c", program, json.dumps(answer), json.dumps(path)]
    done = subprocess.run(given, cwd=generated, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    request, read = done.stdout.splitlines()
    # Python writes UTC's offset in this form.
    return json.loads(request), json.loads(read.replace('+00:00"', 'Z"'))


def test_a_put_of_the_description_alone_changes_nothing_else(generated: Path, alice: Person, jaffle: Project) -> None:
    before = alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs", OTHERS).json
    before.pop("webhook_secret")
    body = ', body=models.JobUpdate(description="of all models")'

    (method, path, sent_body), read = sent(
        generated, "update_job", jaffle.id, before["id"], arguments=body, answer=before
    )
    assert sent_body == {"description": "of all models"}
    after = alice.call(method, path, sent_body).json

    assert after == before | {"description": "of all models", "updated_at": after["updated_at"]}
    assert read == before


def test_null_in_a_put_is_the_default_again(generated: Path, alice: Person, jaffle: Project) -> None:
    before = alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs", OTHERS).json
    body = ", body=models.JobUpdate(timezone=None, enabled=None)"

    (method, path, sent_body), _ = sent(generated, "update_job", jaffle.id, before["id"], arguments=body, answer=before)
    after = alice.call(method, path, sent_body).json

    assert (sent_body, after["timezone"], after["enabled"]) == ({"timezone": None, "enabled": None}, "UTC", True)


def test_a_job_is_created_with_what_was_said(generated: Path, alice: Person, jaffle: Project) -> None:
    plain = {"name": "hourly", "command": "dbt build", "schedule": "@hourly"}
    made = alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs", plain).json
    body = f", body=models.JobCreate(**{plain | {'name': 'hourly again'}!r})"

    (method, path, sent_body), read = sent(generated, "create_job", jaffle.id, arguments=body, answer=made, status=201)
    again = alice.call(method, path, sent_body)

    own = {"id", "name", "cronjob_name"}
    assert again.status == 201
    assert {**again.json, **{name: made[name] for name in own}} == made
    assert read == made


def test_an_error_is_read_as_a_problem(generated: Path, charlie: Person, jaffle: Project) -> None:
    answer = charlie.call("GET", f"/api/v1/projects/{jaffle.id}/jobs/job_none")

    _, read = sent(generated, "get_job", jaffle.id, "job_none", answer=answer.json, status=answer.status)

    assert read == answer.json
