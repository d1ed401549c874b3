"""Projects: list, show, make, change, delete."""

from typing import Annotated, Any

import typer

from jobs_cli import names, output
from jobs_cli.answers import Answer
from jobs_cli.commands.completing import project_names
from jobs_cli.commands.options import SUGGESTS, Json, Settings, Yes, agreed, connected, fields_of, without_none

app = typer.Typer(
    name="projects",
    help="List, create, change and delete projects. All but list and show need an admin's token.",
    epilog="Example: jobs-api projects list",
    no_args_is_help=True,
    suggest_commands=SUGGESTS,
)
ProjectName = Annotated[str, typer.Argument(metavar="PROJECT", help="Its name or its id", autocompletion=project_names)]
Image = Annotated[str | None, typer.Option(help="The container image of its runs")]


@app.command("list", epilog="Example: jobs-api projects list")
def list_projects(as_json: Json = False) -> None:
    """List the projects of your organization."""
    with connected() as api:
        answer = api.get("projects")
    if as_json:
        output.show_json(answer)
        return
    output.show_table(
        ("id", "project", "type", "deployed", "suspended", "image"),
        [
            (
                project["id"],
                project["name"],
                project["project_type"],
                "yes" if project.get("deployed") else "no",
                "yes" if project.get("suspended") else "no",
                project.get("image"),
            )
            for project in answer["projects"]
        ],
    )


@app.command(epilog="Example: jobs-api projects show jaffle")
def show(project: ProjectName, as_json: Json = False) -> None:
    """Show all fields of a project."""
    with connected() as api:
        _show(api.get("projects", names.find_project(api, project).id), as_json=as_json)


@app.command(epilog="Example: jobs-api projects create jaffle --type dbt --image registry.example.com/jaffle:1f0a9c3")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called; it cannot change")],
    project_type: Annotated[str, typer.Option("--type", help="dbt or sqlmesh; it cannot change")],
    image: Image,
    settings: Settings = None,
    as_json: Json = False,
) -> None:
    """Make a project."""
    body: Answer = {"name": name, "project_type": project_type, **without_none(image=image), **fields_of(settings)}
    with connected() as api:
        made = api.post("projects", body=body)
    output.show_json(made) if as_json else output.say(f"Created {made['name']} ({made['id']})")


@app.command(epilog="Example: jobs-api projects update jaffle --image registry.example.com/jaffle:1f0a9c3")
def update(project: ProjectName, image: Image = None, settings: Settings = None, as_json: Json = False) -> None:
    """Change fields of a project. A new image is used from the next run on."""
    body: dict[str, Any] = {**without_none(image=image), **fields_of(settings)}
    if not body:
        raise typer.BadParameter("nothing to change: give --image or --set FIELD=VALUE")
    with connected() as api:
        _show(api.put("projects", names.find_project(api, project).id, body=body), as_json=as_json)


@app.command(epilog="Example: jobs-api projects delete jaffle --yes")
def delete(project: ProjectName, yes: Yes = False, as_json: Json = False) -> None:
    """Delete a project that is not deployed, with its jobs. Its runs can still be read by their ids."""
    with connected() as api:
        found = names.find_project(api, project)
        agreed(f"Delete the project {found.name} and all its jobs?", yes=yes)
        answer = api.delete("projects", found.id)
    output.show_json(answer) if as_json else output.say(answer["message"])


def _show(project: Answer, *, as_json: bool) -> None:
    output.show_json(project) if as_json else output.show_fields(project)
