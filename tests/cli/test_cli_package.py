"""The package stands by itself: its version, what it imports, its oldest Python, and how soon a command begins."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from jobs_cli import VERSION
from packaging.requirements import Requirement

from tests.cli.conftest import commands

CLI = Path(__file__).parents[2] / "cli"
FILES = sorted((CLI / "jobs_cli").rglob("*.py"))
PROJECT = tomllib.loads((CLI / "pyproject.toml").read_text())["project"]


def test_the_cli_has_the_version_of_the_service() -> None:
    service = tomllib.loads((CLI.parent / "pyproject.toml").read_text())["project"]["version"]

    assert PROJECT["version"] == VERSION == service


@pytest.mark.parametrize("requirement", [Requirement(one) for one in PROJECT["dependencies"]], ids=lambda one: one.name)
def test_the_tests_run_with_versions_that_the_cli_declares(requirement: Requirement) -> None:
    locked = (CLI.parent / "requirements/dev.txt").read_text()
    (version,) = re.findall(rf"^{requirement.name}==([^ ]+)", locked, flags=re.MULTILINE)

    assert requirement.specifier.contains(version)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(CLI)))
def test_the_cli_imports_its_declared_packages_and_nothing_of_the_service(file: Path) -> None:
    tree = ast.parse(file.read_text(), feature_version=(3, 10))
    imports = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imports |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    declared = {requirement.split(">")[0].replace("pyyaml", "yaml") for requirement in PROJECT["dependencies"]}

    assert {name.split(".")[0] for name in imports} <= sys.stdlib_module_names | declared | {"jobs_cli"}


@pytest.mark.parametrize("name", commands())
def test_every_command_shows_an_example_of_itself_and_answers_in_json(name: str) -> None:
    command = commands()[name]

    assert str(command.epilog).startswith(f"Example: jobs-api {name}")
    assert name in {"login", "logout", "schema"} or "as_json" in command.callback.__annotations__


@pytest.mark.parametrize("name", commands())
def test_the_page_lists_every_command(name: str) -> None:
    rows = (CLI.parent / "docs/command-line.md").read_text().partition("## Commands")[2].partition("\n## ")[0]
    named = {" ".join(words.split()) for words in re.findall(r"`([a-z ]+)", rows)}

    assert name in named


def test_a_command_that_draws_nothing_waits_for_no_library_that_draws() -> None:
    probe = "import sys, jobs_cli.__main__; print([name for name in ('rich', 'httpx') if name in sys.modules])"

    assert subprocess.run([sys.executable, "-c", probe], cwd=CLI, capture_output=True, text=True).stdout == "[]\n"  # noqa: PLW1510


def test_the_documented_function_leaves_the_shell_its_own_jobs(tmp_path: Path) -> None:
    page = (CLI.parent / "docs/command-line.md").read_text()
    function = page[page.index("jobs() {") : page.index("\n}\n") + 3]
    (tmp_path / "jobs-api").write_text('#!/bin/sh\necho "program: $*"\n')
    (tmp_path / "jobs-api").chmod(0o755)
    script = f'PATH="{tmp_path}:$PATH"\n{function}\njobs trigger nightly --wait; jobs; jobs -l; jobs --help'

    ran = subprocess.run(["/bin/bash", "-c", script], capture_output=True, text=True, check=True)

    assert ran.stdout.splitlines() == ["program: trigger nightly --wait", "program: --help"]
