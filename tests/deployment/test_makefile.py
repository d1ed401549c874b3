"""The environment that `make` passes on to the commands that call AWS."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
MAKE: Final = shutil.which("make") or "make"


@pytest.mark.parametrize("target", ["preflight", "deploy"])
@pytest.mark.parametrize(
    ("callers", "passed_on"),
    [
        ({"AWS_REGION": "eu-central-1"}, "AWS_DEFAULT_REGION=eu-central-1"),
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, "AWS_DEFAULT_REGION=eu-west-1"),
        ({"AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "eu-west-1"}, "AWS_DEFAULT_REGION=eu-central-1"),
        # The caller's profile decides, and no region of ours.
        ({}, "-u AWS_DEFAULT_REGION"),
    ],
)
def test_a_command_that_calls_aws_has_the_callers_region(target: str, callers: dict[str, str], passed_on: str) -> None:
    environment = {"PATH": "/usr/bin:/bin", **callers}

    shown = subprocess.run(
        [MAKE, "--dry-run", "--always-make", target],
        cwd=ROOT, env=environment, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip

    module = "deploy.preflight" if target == "preflight" else "deploy "
    (command,) = (line for line in shown.splitlines() if f"-m {module}" in line)
    assert command.startswith(f"env {passed_on} .tools/sam/bin/python")
