"""Another deployment of this service, with its own tables, in a process that reads commands from its input.

`python -m tests.functions.other_deployment DEPLOYMENT` finds its cluster by JOBS_API_KUBECONFIG. Each input line is a
JSON list of a command, an organization's id and more arguments; each output line is the command's result.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from local.template import read
from tests.fast_moto.aws import LocalAws

ROOT = Path(__file__).parents[2]


class OtherDeployment:
    """The process, as a test with one organization sees it."""

    def __init__(self, process: "subprocess.Popen[str]", organization: str) -> None:
        self._process = process
        self._organization = organization
        self.do("organization")

    def do(self, command: str, *arguments: Any) -> Any:
        """Run a command and return its result."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([command, self._organization, *arguments]) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@contextmanager
def started(deployment: str, kubeconfig: Path) -> "Iterator[subprocess.Popen[str]]":
    """Run another deployment during the block."""
    environment = {**os.environ, "JOBS_API_KUBECONFIG": str(kubeconfig)}
    command = [sys.executable, "-m", "tests.functions.other_deployment", deployment]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, text=True) as process:
        yield process
        assert process.stdin
        process.stdin.close()


def _serve(answers: TextIO) -> None:
    # The store reads its tables' names from the environment when it is imported.
    from jobs_api import store  # noqa: PLC0415
    from jobs_api.model.commands import ProjectType  # noqa: PLC0415
    from jobs_api.model.organization import Organization  # noqa: PLC0415
    from tests.functions import passes  # noqa: PLC0415
    from tests.functions.people import NOON, Person, new_project  # noqa: PLC0415

    def organization(name: str) -> None:
        store.create_organization(Organization(id=name, name="theirs", created_at=NOON, marked_at=NOON))

    def project(owner: str, name: str) -> str:
        return new_project(owner, name, ProjectType.DBT).id

    def call(owner: str, method: str, path: str, body: Any = None) -> dict[str, Any]:
        answer = Person(owner).call(method, f"/api/v1{path}", body)
        return {"status": answer.status, "json": answer.json}

    def sync(owner: str) -> None:
        passes.sync(owner)

    commands: dict[str, Callable[..., Any]] = {
        "organization": organization,
        "project": project,
        "call": call,
        "sync": sync,
        "ingest": passes.ingest,
    }
    for line in sys.stdin:
        command, *arguments = json.loads(line)
        answers.write(json.dumps(commands[command](*arguments)) + "\n")
        answers.flush()


if __name__ == "__main__":
    template = read(ROOT / "template.yaml", parameters={"DeploymentName": sys.argv[1]}, cache=ROOT / ".local" / "cache")
    # Functions print their log to standard output, which here belongs to the results.
    with os.fdopen(os.dup(1), "w") as standard_output, LocalAws(template):
        os.dup2(2, 1)
        _serve(standard_output)
