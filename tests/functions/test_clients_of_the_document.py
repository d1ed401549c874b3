"""Clients that users generate from docs/openapi.json, in Python and in TypeScript, speak with the service over HTTP."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.service import Service, serving
from tests.functions.test_generated_client import BIN, generated

__all__ = ["generated"]
ROOT = Path(__file__).parents[2]
# A program that uses the generated client; its arguments are the address, a token and a project.
PYTHON = """
import json
import sys

from jobs_client import AuthenticatedClient, models
from jobs_client.api.jobs import create_job, list_jobs
from jobs_client.api.runs import list_daily_stats

url, token, project = sys.argv[1:]
client = AuthenticatedClient(url, token)

body = models.JobCreate(name="hourly", command="dbt build", schedule="@hourly")
created = create_job.sync(project, client=client, body=body)
listed = list_jobs.sync(project, client=client)
stats = list_daily_stats.sync(project, client=client, days=2)
refused = create_job.sync_detailed(
    project, client=client, body=models.JobCreate(name="never", command="dbt build", schedule="never")
)

print(
    json.dumps(
        {
            "created": created.id,
            "listed": [job.id for job in listed.jobs],
            "days": [day.total_runs for day in stats.days],
            "status": refused.status_code,
            "code": refused.parsed.code,
            "field": refused.parsed.errors[0].field,
        }
    )
)
"""
PACKAGES = ROOT / "console" / "node_modules"
NODE = ROOT / ".tools" / "node" / "bin"
# Otherwise every field with a default would have to be sent.
SCHEMA = (ROOT / "docs/openapi.json", "--default-non-nullable", "false", "--output", "schema.d.ts")
TYPESCRIPT = {
    "strict": True,
    "noEmit": True,
    "module": "nodenext",
    "target": "es2024",
    "allowImportingTsExtensions": True,
    "types": [],
}


@pytest.fixture
def service() -> Iterator[Service]:
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the types and a program that uses them, checked by the compiler."""
    assert PACKAGES.exists(), "make console/node_modules/ready"
    folder = tmp_path_factory.mktemp("typed")
    (folder / "node_modules").symlink_to(PACKAGES)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "node.d.ts").write_text("declare const process: { argv: string[] };\n")
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": TYPESCRIPT}))
    shutil.copy(Path(__file__).with_name("generated_client.ts"), folder)
    run(folder, NODE / "node", PACKAGES / ".bin/openapi-typescript", *SCHEMA)
    run(folder, NODE / "node", PACKAGES / ".bin/tsc", "--project", ".")
    return folder


def run(folder: Path, *command: Any) -> str:
    # A proxy that the environment names must not be used for this machine's own address.
    quiet = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(
        [*map(str, command)], cwd=folder, capture_output=True, text=True, check=False, env=quiet | {"NO_COLOR": "1"}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def check(answer: dict[str, Any], service: Service) -> None:
    listed = service.alice.call("GET", f"/api/v1/projects/{service.project.id}/jobs").json["jobs"]
    assert [answer["created"]] == answer["listed"] == [job["id"] for job in listed]
    assert answer["days"] == [0, 0]
    assert (answer["status"], answer["code"], answer["field"]) == (422, "invalid_request", "schedule")


def test_a_typescript_client_speaks_with_the_service(typed: Path, service: Service) -> None:
    output = run(typed, NODE / "node", "generated_client.ts", service.url, service.developer, service.project.id)

    check(json.loads(output), service)


def test_a_python_client_speaks_with_the_service(generated: Path, service: Service) -> None:
    output = run(generated, BIN / "python", "-c", PYTHON, service.url, service.developer, service.project.id)

    check(json.loads(output), service)
