"""The steps of docs/jobs-as-code.md for CI, in a shell, with the real command line and the real functions over HTTP."""

import json
import os
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml

from jobs_api.model.organization import Role
from jobs_api.model.project import Project
from tests.functions.people import Person

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/jobs-as-code.md").read_text()
FILE, GITHUB, GITLAB, RELEASE = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
INSTALLS = ("uv tool install", "pip install")


def github_steps(job: str) -> list[str]:
    steps = yaml.safe_load(GITHUB)["jobs"][job]["steps"]
    return [step["run"] for step in steps if "run" in step and not step["run"].startswith(INSTALLS)]


def gitlab_steps(job: str) -> list[str]:
    return list(yaml.safe_load(GITLAB)[job]["script"])


@dataclass
class Shell:
    """A checkout with `jobs.yml` in it, and an environment as CI makes it."""

    folder: Path
    environment: dict[str, str]

    def run(self, steps: list[str], **more: str) -> str:
        """Run the lines as GitHub does, which ends at the first error."""
        ended = subprocess.run(
            ["/bin/bash", "-e", "-c", "\n".join(steps)],
            cwd=self.folder,
            env=self.environment | more,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout


@pytest.fixture
def shell(alice: Person, tmp_path: Path) -> Iterator[Shell]:
    people = {"jat_developer": alice, "jat_admin": Person(alice.organization_id, Role.ADMIN)}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            person = people[self.headers["Authorization"].removeprefix("Bearer ")]
            answer = person.call(
                self.command,
                parts.path,
                json.loads(content) if content else None,
                headers=dict(self.headers),
                query=dict(parse_qsl(parts.query)),
            )
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(answer.text.encode())))
            self.end_headers()
            self.wfile.write(answer.text.encode())

        do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - http.server calls them so

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.daemon_threads = True
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    program = tmp_path / "bin" / "jobs-api"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m jobs_cli "$@"\n')
    program.chmod(0o755)
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "jobs.yml").write_text(FILE)
    yield Shell(
        folder,
        {
            "PATH": f"{program.parent}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "PYTHONPATH": str(ROOT / "cli"),
            "CI": "true",
            "JOBS_API_URL": f"http://127.0.0.1:{running.server_address[1]}",
            "JOBS_API_TOKEN": "jat_developer",
            "DB_PASSWORD": "hidden",
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
            "GITHUB_SHA": "1f0a9c3",
        },
    )
    running.shutdown()
    running.server_close()
    thread.join()


def names(alice: Person, jaffle: Project) -> set[str]:
    return {job["name"] for job in alice.call("GET", f"/api/v1/projects/{jaffle.id}/jobs").json["jobs"]}


def test_github_plans_and_applies(shell: Shell, alice: Person, jaffle: Project, tmp_path: Path) -> None:
    planned = shell.run(github_steps("plan"))

    assert "Plan: 2 to create, 0 to update, 0 to delete, 0 unchanged" in planned
    assert "Plan: 2 to create" in (tmp_path / "summary.md").read_text()
    assert names(alice, jaffle) == set()
    assert "Applied 2 changes" in shell.run(github_steps("apply"))
    assert names(alice, jaffle) == {"nightly", "marts"}
    assert "Nothing to change: 2 jobs are" in shell.run(github_steps("apply"))
    assert "hidden" not in planned


def test_gitlab_plans_and_applies_and_an_import_changes_nothing(shell: Shell, alice: Person, jaffle: Project) -> None:
    shell.run(gitlab_steps("plan"))
    plan: Any = json.loads((shell.folder / "plan.json").read_text())
    assert [change["action"] for change in plan["projects"][0]["changes"]] == ["create", "create"]

    shell.run(gitlab_steps("apply"))
    imported = shell.run(["jobs-api import > jobs.yml", "cat jobs.yml", "jobs-api plan --prune --detailed-exitcode"])

    assert names(alice, jaffle) == {"nightly", "marts"}
    assert "Nothing to change" in imported
    assert "hidden" not in imported


def test_a_release_sets_the_image(shell: Shell, alice: Person, jaffle: Project) -> None:
    (step,) = yaml.safe_load(RELEASE)

    shell.run([step["run"]], JOBS_API_TOKEN="jat_admin")

    project = alice.call("GET", f"/api/v1/projects/{jaffle.id}").json
    assert project["image"] == "registry.example.com/jaffle:1f0a9c3"


def test_both_examples_apply_one_after_the_other() -> None:
    github, gitlab = yaml.safe_load(GITHUB), yaml.safe_load(GITLAB)

    assert github["concurrency"] == gitlab["apply"]["resource_group"] == "jobs"
    assert set(github["env"]) == {"JOBS_API_URL", "JOBS_API_TOKEN", "DB_PASSWORD"}
    assert [job["if"] for job in github["jobs"].values()] == [
        "github.event_name == 'pull_request'",
        "github.event_name == 'push'",
    ]
