"""Options and arguments that several commands have, and how they are read."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import click
import typer

from jobs_cli import configuration
from jobs_cli.client import Api
from jobs_cli.commands.completing import job_names, project_names
from jobs_cli.errors import CommandFailed

# Newer versions of click suggest the nearest command, and typer would repeat that.
SUGGESTS = not hasattr(click.exceptions, "NoSuchCommand")

ProjectOption = Annotated[
    str | None,
    typer.Option(
        "--project",
        "-p",
        metavar="PROJECT",
        help="Its name or id; JOBS_PROJECT is the default",
        autocompletion=project_names,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the API's answer as JSON")]
JobName = Annotated[
    str, typer.Argument(metavar="JOB", help="Its name, its id, or PROJECT/NAME", autocompletion=job_names)
]
RunName = Annotated[
    str, typer.Argument(metavar="RUN", help="Its id, or the name of a job for the latest run", autocompletion=job_names)
]
Limit = Annotated[int, typer.Option(min=1, help="At most this many, newest first")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="A field of the API; VALUE is JSON or text; repeatable"),
]
Variables = Annotated[
    list[str] | None,
    typer.Option("--env", "-e", metavar="NAME[=VALUE]", help="NAME alone takes the value from your environment"),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first")]


@contextmanager
def connected() -> Iterator[Api]:
    """Yield the API of this call's configuration."""
    with Api(configuration.load()) as api:
        yield api


def agreed(question: str, *, yes: bool) -> None:
    """Ask a person before something is removed; ends the command where there is no terminal, or the answer is no.

    Raises:
        CommandFailed: nobody can be asked.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandFailed("There is no terminal to ask on: give --yes")
    typer.confirm(question, abort=True, err=True)


def fields_of(settings: list[str] | None) -> dict[str, Any]:
    """Return `FIELD=VALUE` settings as the fields of a body; `null` removes one.

    Raises:
        typer.BadParameter: one has no `=`.
    """
    fields = {}
    for setting in settings or []:
        name, equals, value = setting.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{setting!r} is not FIELD=VALUE", param_hint="--set")
        fields[name] = _value(value)
    return fields


def variables_of(variables: list[str] | None) -> dict[str, str]:
    """Return `NAME=VALUE` and `NAME` as an environment; the value of a bare name never stands in a process list.

    Raises:
        typer.BadParameter: a bare name is not set here.
    """
    environment = {}
    for variable in variables or []:
        name, equals, value = variable.partition("=")
        if not equals and name not in os.environ:
            raise typer.BadParameter(f"{name} is not set in your environment; write NAME=VALUE", param_hint="--env")
        environment[name] = value if equals else os.environ[name]
    return environment


def without_none(**fields: Any) -> dict[str, Any]:
    """Return the fields that were given."""
    return {name: value for name, value in fields.items() if value is not None}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
