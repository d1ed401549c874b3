"""The console: opens the page of a job or a run in a browser."""

import os
import sys
import webbrowser
from typing import Annotated
from urllib.parse import quote

import typer

from jobs_cli import names, output
from jobs_cli.client import Api
from jobs_cli.commands.completing import job_names
from jobs_cli.commands.options import Json, ProjectOption, connected
from jobs_cli.errors import CommandFailed

app = typer.Typer()


@app.command("open", epilog="Example: jobs-api open nightly")
def open_page(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[JOB|RUN]", help="A job by its name or id, or a run by its id", autocompletion=job_names
        ),
    ] = None,
    print_only: Annotated[bool, typer.Option("--print", help="Print the address instead")] = False,
    project: ProjectOption = None,
    as_json: Json = False,
) -> None:
    """Open the console in your browser, at a job or a run if one is named; without a browser print the address."""
    with connected() as api:
        address = f"{api.configuration.url}/console#/{_page_of(api, name, project)}"
    if as_json:
        output.show_json({"url": address})
    elif print_only or not _has_browser() or not webbrowser.open(address):
        output.say(address)


def _page_of(api: Api, name: str | None, project: str | None) -> str:
    if name is None:
        return ""
    # The page of a run exists as long as its record does.
    if name.startswith("run_") or names.JOB_NAME.fullmatch(name):
        try:
            return f"runs/{quote(names.find_run(api, name, project)['id'], safe='')}"
        except CommandFailed:
            if name.startswith("run_"):
                raise
    job = names.find_job(api, name, project)
    return f"projects/{quote(job['project_id'], safe='')}/jobs/{quote(job['id'], safe='')}"


def _has_browser() -> bool:
    """Return whether a person would see a page: not in a pipe or on CI, nor in a browser of a terminal."""
    if not output.is_terminal(sys.stdout):
        return False
    has_screen = sys.platform in {"win32", "darwin"} or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(has_screen or os.environ.get("BROWSER"))
