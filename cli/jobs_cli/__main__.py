"""`jobs`: lists, triggers, follows and steers the jobs of a Jobs API."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from jobs_cli import VERSION, output
from jobs_cli.commands import (
    artifacts,
    as_code,
    jobs,
    login,
    logs,
    pages,
    projects,
    runs,
    schedules,
    starts,
    tokens,
    versions,
)
from jobs_cli.commands.options import SUGGESTS
from jobs_cli.errors import CommandFailed

app = typer.Typer(
    name="jobs-api",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    suggest_commands=SUGGESTS,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="List, trigger, follow and steer dbt and SQLMesh jobs. "
    "The server is JOBS_API_URL with JOBS_API_TOKEN, or what `jobs-api login` stored.",
    epilog="Example: jobs-api trigger nightly --wait",
)
for part in (login, jobs, versions, starts, runs, logs, schedules, as_code, pages):
    app.registered_commands.extend(part.app.registered_commands)
for group in (artifacts.app, projects.app, tokens.app):
    app.add_typer(group)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        output.say(f"jobs {VERSION}")
        raise typer.Exit


@app.callback()
def use(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version")
    ] = False,
) -> None:
    """Say what all commands have in common; typer takes the help from above."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command; ends the process with its exit code."""
    _set_encodings()
    try:
        sys.exit(app(args=arguments, prog_name="jobs-api"))
    except CommandFailed as error:
        output.note(f"jobs: {error}")
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The program that reads the pipe has closed it; Python must not try to write the rest when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _set_encodings() -> None:
    """Let no text make a command fail, whatever the locale is, and let files and pipes have UTF-8.

    On Windows they would get the old code page of the language, in which the file of an import loses letters.
    """
    for stream in (sys.stdout, sys.stderr):
        if not hasattr(stream, "reconfigure"):
            continue
        chosen = stream.isatty() or "PYTHONIOENCODING" in os.environ
        stream.reconfigure(errors="replace", encoding=stream.encoding if chosen else "utf-8")


if __name__ == "__main__":
    main()
