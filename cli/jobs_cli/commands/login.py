"""The server and the token of later calls: `jobs-api login`, `jobs-api logout`, `jobs-api whoami`."""

import sys
from dataclasses import replace
from typing import Annotated

import typer

from jobs_cli import configuration, output
from jobs_cli.client import Api
from jobs_cli.commands.options import Json, connected
from jobs_cli.configuration import Configuration
from jobs_cli.errors import CommandFailed, NotOffered, ProjectsNotListed
from jobs_cli.names import all_projects, named

app = typer.Typer()


@app.command(epilog="Example: jobs-api login --url https://jobs.example.com < token.txt")
def login(
    url: Annotated[
        str | None, typer.Option(envvar="JOBS_API_URL", help="The server's address, without /api/v1")
    ] = None,
    project: Annotated[
        str | None, typer.Option("--project", "-p", help="The project where a command names none")
    ] = None,
) -> None:
    """Store the address and your token, which is read from standard input, for later commands."""
    address = configuration.checked_url(url or _read_address())
    if configuration.sends_in_clear(address):
        output.note(f"jobs: warning: {address} is not https; everybody on the way can read your token")
    answers = Configuration(address, configuration.checked_token(_read_token()), project)
    with Api(answers) as api:
        said = _owner_of_token(api)
        known = _name_of(api, project) if project else None
    file = configuration.store(replace(answers, project=known))
    output.say(f"{said} at {address}; stored in {file}")


@app.command(epilog="Example: jobs-api logout")
def logout() -> None:
    """Forget the stored address and token. The token stays valid until it expires or is revoked."""
    output.say("Forgotten" if configuration.forget() else "Nothing was stored")


@app.command(epilog="Example: jobs-api whoami --json")
def whoami(as_json: Json = False) -> None:
    """Show whose token this is and what it may do."""
    with connected() as api:
        me = api.get("me")
    if as_json:
        output.show_json(me)
    else:
        output.show_fields({"server": api.configuration.url, **me})


def _read_address() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Address", err=True))
    # Standard input has the token.
    raise CommandFailed("Which server? Give its address with --url, or set JOBS_API_URL")


def _read_token() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Token", hide_input=True, err=True))
    # Windows PowerShell begins what it sends through a pipe with a byte order mark. No token has other characters.
    return sys.stdin.buffer.readline().decode("utf-8-sig", errors="replace")


def _name_of(api: Api, project: str) -> str:
    """Return the name of a project that is named by its name or id; raises CommandFailed if there is none."""
    try:
        projects = all_projects(api)
    except ProjectsNotListed:
        return project
    return next((one.name for one in projects if one.id == project), None) or named(projects, project, "project").name


def _owner_of_token(api: Api) -> str:
    """Return whose token it is; a token that is not accepted ends the command."""
    try:
        me = api.get("me")
    except NotOffered:
        # An older server only says whether it accepts the token.
        api.get("jobs", limit=1)
        return "The token is accepted"
    return f"{me['role']} of {me['organization_id']}"
