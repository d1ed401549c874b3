"""`jobsctl project`: makes, changes and removes projects."""

from typing import Annotated

import typer

from jobsctl import deployment
from jobsctl.command_line import Organization, ProjectId, Settings, parsed, show, show_all

app = typer.Typer(no_args_is_help=True, help="Projects: one dbt or SQLMesh code base each.")


@app.command("create")
def create_project(
    organization_id: Organization,
    name: Annotated[str, typer.Argument(help="Unique in the organization; it cannot be changed")],
    project_type: Annotated[str, typer.Option("--type", help="dbt or sqlmesh")],
    image: Annotated[str, typer.Option(help="The container image with the project's code")],
    settings: Settings = None,
    deploy: Annotated[bool, typer.Option(help="Deploy it at once")] = False,  # noqa: FBT002 - an option has a default
) -> None:
    """Make a project. `project list` shows the names of further settings, such as --set working_directory=/app."""
    fields = {"name": name, "project_type": project_type, "image": image, "deployed": deploy, **parsed(settings)}
    show(deployment.operations().create_project(organization_id, fields))


@app.command("list")
def list_projects(organization_id: Organization) -> None:
    """List an organization's projects."""
    show_all(deployment.store().list_projects(organization_id))


@app.command("set")
def change_project(
    organization_id: Organization,
    project_id: ProjectId,
    settings: Annotated[list[str], typer.Argument(metavar="NAME=VALUE...", help="A value that is not JSON is a text")],
) -> None:
    """Change settings of a project, such as image=... or 'resources={"limits": {"memory": "2Gi"}}'."""
    show(deployment.operations().change_project(organization_id, project_id, parsed(settings)))


@app.command("deploy")
def deploy(organization_id: Organization, project_id: ProjectId) -> None:
    """Deploy a project: syncs then create the CronJobs of its jobs and keep them."""
    show(deployment.operations().change_project(organization_id, project_id, {"deployed": True}))


@app.command("undeploy")
def undeploy(organization_id: Organization, project_id: ProjectId) -> None:
    """Undeploy a project: syncs then remove its CronJobs; the jobs do not change."""
    show(deployment.operations().change_project(organization_id, project_id, {"deployed": False}))


@app.command("suspend")
def suspend(organization_id: Organization, project_id: ProjectId) -> None:
    """Suspend a project until it is resumed: its schedules do not fire, but triggers still run."""
    show(deployment.operations().change_project(organization_id, project_id, {"suspended": True}))


@app.command("pause")
def pause(
    organization_id: Organization,
    project_id: ProjectId,
    until: Annotated[str, typer.Option(help="When its schedules fire again, such as 2026-05-04T06:00:00+02:00")],
    reason: Annotated[str | None, typer.Option(help="Why, for those who read its slots; up to 255 characters")] = None,
) -> None:
    """Pause a project until a time: its schedules do not fire, but triggers still run. It resumes by itself.

    A second call moves the end of the pause; without a reason, the first one stays.
    """
    fields = {"paused_until": until, **({"pause_reason": reason} if reason else {})}
    show(deployment.operations().change_project(organization_id, project_id, fields))


@app.command("resume")
def resume(organization_id: Organization, project_id: ProjectId) -> None:
    """Resume a project that is suspended or paused: its schedules fire again."""
    resumed = {"suspended": False, "paused_until": None, "pause_reason": None}
    show(deployment.operations().change_project(organization_id, project_id, resumed))


@app.command("index-runs")
def index_runs(
    organization_id: Organization,
    project_id: Annotated[str | None, typer.Argument(metavar="[PROJECT]", help="All, where none is named")] = None,
) -> None:
    """Add runs that ended before an upgrade to the index for lists by status; this can run at any time.

    Until then such lists are correct, but need more reads and more pages.
    """
    if project_id:
        projects = [deployment.store().get_project(organization_id, project_id)]
    else:
        projects = deployment.store().list_projects(organization_id)
    indexed = {one.id: deployment.operations().index_runs(organization_id, one.id) for one in projects}
    show({"indexed": indexed})


@app.command("delete")
def delete_project(organization_id: Organization, project_id: ProjectId) -> None:
    """Remove a project, its jobs and its CronJobs; running Pods may finish, and runs can still be read."""
    deployment.operations().delete_project(organization_id, project_id)
    show({"deleted": project_id})
