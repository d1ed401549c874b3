"""`python -m jobsctl`: makes, lists, changes and removes organizations, projects and tokens.

Results are JSON on standard output, so that scripts can read them; errors are one line on standard error.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError
from pydantic import BaseModel
from pynamodb.exceptions import PynamoDBException

from jobs_api.errors import JobsApiError
from jobs_api.model.organization import Role
from jobsctl import stack

if TYPE_CHECKING:
    from types import ModuleType

WAIT_SECONDS = 10

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="Operate a Jobs API.")
organization = typer.Typer(no_args_is_help=True, help="Organizations: an id that is also a Kubernetes namespace.")
project = typer.Typer(no_args_is_help=True, help="Projects: one dbt or SQLMesh code base each.")
token = typer.Typer(no_args_is_help=True, help="Tokens: what clients send as Authorization: Bearer.")
app.add_typer(organization, name="organization")
app.add_typer(project, name="project")
app.add_typer(token, name="token")

Organization = Annotated[str, typer.Argument(metavar="ORGANIZATION", help="Its id, such as org-acme")]
ProjectId = Annotated[str, typer.Argument(metavar="PROJECT", help="Its id, such as proj_xyz")]
TokenId = Annotated[str, typer.Argument(metavar="TOKEN_ID", help="Its id, as `token list` shows it")]
AbandonCluster = Annotated[
    bool, typer.Option("--abandon-cluster", help="Its cluster no longer exists: do not wait for it")
]
Wait = Annotated[bool, typer.Option(help="Wait until it is done; without, stop at the first step that must wait")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A setting; a value that is not JSON is a text; repeatable"),
]


@app.callback()
def use(
    stack_name: Annotated[
        str | None, typer.Option("--stack", envvar="JOBS_API_STACK", help="The deployed CloudFormation stack")
    ] = None,
) -> None:
    """Find the deployment that the command is for."""
    try:
        stack.use(stack_name)
    except LookupError as error:
        raise typer.BadParameter(str(error)) from error


@organization.command("create")
def create_organization(
    organization_id: Organization,
    name: Annotated[str | None, typer.Option(help="Its name for people")] = None,
    cluster: Annotated[str | None, typer.Option(help="Its EKS cluster, if not the deployment's default")] = None,
) -> None:
    """Make an organization with its own limit of requests."""
    made = _operations().create_organization(organization_id, name, cluster)
    try:
        _show(_usage_keys().give(organization_id) if _usage_keys().are_used() else made)
    except (BotoCoreError, ClientError) as error:
        typer.echo(f"jobsctl: {organization_id} exists now, but shares a limit of requests: {error}", err=True)
        _show(made)


@organization.command("limit")
def limit_organizations(
    organization_id: Annotated[
        str | None, typer.Argument(metavar="[ORGANIZATION]", help="All, where none is named")
    ] = None,
) -> None:
    """Set an organization's own limit of requests, if it has shared one so far."""
    if not _usage_keys().are_used():
        raise typer.BadParameter("the deployment's template is older than limits for organizations; upgrade it first")
    known = [_store().get_organization(organization_id)] if organization_id else _store().list_organizations()
    _show_all([_usage_keys().give(organization.id) for organization in known])


@organization.command("seal")
def seal_environments(organization_id: Organization) -> None:
    """Encrypt secret values in environments of jobs that were last changed by a release that stored them in clear."""
    _store().get_organization(organization_id)
    _show({"organization": organization_id, "sealed": _operations().seal_environments(organization_id)})


@organization.command("slack-token")
def set_slack_token(
    organization_id: Organization,
    token: Annotated[
        str, typer.Option(prompt=True, hide_input=True, help="xoxb-...; the command asks for it if it is missing")
    ],
) -> None:
    """Store the bot token for its Slack alerts; it needs the scope chat:write. Used within five minutes."""
    _operations().set_slack_token(organization_id, token)
    _show({"organization": organization_id, "slack_token": "stored"})


@organization.command("confirm-removals")
def confirm_removals(
    organization_id: Organization,
    at_most: Annotated[
        int, typer.Option(min=1, help="Remove no more than this number: what `organization list` shows as held")
    ],
    project_id: Annotated[
        str | None, typer.Option("--project", help="Remove only CronJobs that are labelled with this project")
    ] = None,
    hours: Annotated[float, typer.Option(help="For how long the confirmation is valid, up to a day")] = 1,
) -> None:
    """Let syncs remove CronJobs that the tables cannot explain. First find out why the tables cannot."""
    _show(_operations().confirm_removals(organization_id, at_most=at_most, hours=hours, project_id=project_id))


@organization.command("check-runs")
def check_runs(organization_id: Organization) -> None:
    """Make the next ingest compare all ended Jobs in the cluster with the runs, as after a restore of tables."""
    _show(_operations().check_runs(organization_id))


@organization.command("move")
def move_organization(
    organization_id: Organization,
    cluster: Annotated[str | None, typer.Option(help="The new EKS cluster; if it is missing, the default")] = None,
    abandon_cluster: AbandonCluster = False,  # noqa: FBT002
    wait: Wait = True,  # noqa: FBT002
) -> None:
    """Move an organization to another cluster; its projects must be undeployed.

    It takes seven minutes, and longer if runs are open. If it is interrupted, run it again to continue.
    """
    leaving = _leaving()
    _repeat_until_done(lambda now: leaving.move(organization_id, cluster, now, abandon=abandon_cluster), wait=wait)
    _show(_store().get_organization(organization_id))


@organization.command("delete")
def delete_organization(
    organization_id: Organization,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask to confirm")] = False,  # noqa: FBT002
    abandon_cluster: AbandonCluster = False,  # noqa: FBT002
    wait: Wait = True,  # noqa: FBT002
) -> None:
    """Remove an organization with its tokens, projects, CronJobs, runs, logs and Slack token.

    It takes 25 minutes, and longer if runs are open, which may finish. If it is interrupted, run it again to continue.
    The namespace stays; remove it with kubectl afterwards.
    """
    _store().get_organization(organization_id)
    if not yes:
        typer.confirm(f"Remove {organization_id} and everything it has?", abort=True, err=True)
    leaving = _leaving()
    _repeat_until_done(lambda now: leaving.delete(organization_id, now, abandon=abandon_cluster), wait=wait)
    _show({"deleted": organization_id})


@organization.command("list")
def list_organizations() -> None:
    """List all organizations."""
    _show_all(_store().list_organizations())


@project.command("create")
def create_project(
    organization_id: Organization,
    name: Annotated[str, typer.Argument(help="Unique in the organization; it cannot be changed")],
    project_type: Annotated[str, typer.Option("--type", help="dbt or sqlmesh")],
    image: Annotated[str, typer.Option(help="The container image with the project's code")],
    settings: Settings = None,
    deploy: Annotated[bool, typer.Option(help="Deploy it at once")] = False,  # noqa: FBT002 - an option has a default
) -> None:
    """Make a project. `project list` shows the names of further settings, such as --set working_directory=/app."""
    fields = {"name": name, "project_type": project_type, "image": image, "deployed": deploy, **_parsed(settings)}
    _show(_operations().create_project(organization_id, fields))


@project.command("list")
def list_projects(organization_id: Organization) -> None:
    """List an organization's projects."""
    _show_all(_store().list_projects(organization_id))


@project.command("set")
def change_project(
    organization_id: Organization,
    project_id: ProjectId,
    settings: Annotated[list[str], typer.Argument(metavar="NAME=VALUE...", help="A value that is not JSON is a text")],
) -> None:
    """Change settings of a project, such as image=... or 'resources={"limits": {"memory": "2Gi"}}'."""
    _show(_operations().change_project(organization_id, project_id, _parsed(settings)))


@project.command("deploy")
def deploy(organization_id: Organization, project_id: ProjectId) -> None:
    """Deploy a project: syncs then create the CronJobs of its jobs and keep them."""
    _show(_operations().change_project(organization_id, project_id, {"deployed": True}))


@project.command("undeploy")
def undeploy(organization_id: Organization, project_id: ProjectId) -> None:
    """Undeploy a project: syncs then remove its CronJobs; the jobs do not change."""
    _show(_operations().change_project(organization_id, project_id, {"deployed": False}))


@project.command("suspend")
def suspend(organization_id: Organization, project_id: ProjectId) -> None:
    """Suspend a project until it is resumed: its schedules do not fire, but triggers still run."""
    _show(_operations().change_project(organization_id, project_id, {"suspended": True}))


@project.command("pause")
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
    _show(_operations().change_project(organization_id, project_id, fields))


@project.command("resume")
def resume(organization_id: Organization, project_id: ProjectId) -> None:
    """Resume a project that is suspended or paused: its schedules fire again."""
    resumed = {"suspended": False, "paused_until": None, "pause_reason": None}
    _show(_operations().change_project(organization_id, project_id, resumed))


@project.command("index-runs")
def index_runs(
    organization_id: Organization,
    project_id: Annotated[str | None, typer.Argument(metavar="[PROJECT]", help="All, where none is named")] = None,
) -> None:
    """Add runs that ended before an upgrade to the index for lists by status; this can run at any time.

    Until then such lists are correct, but need more reads and more pages.
    """
    if project_id:
        projects = [_store().get_project(organization_id, project_id)]
    else:
        projects = _store().list_projects(organization_id)
    indexed = {one.id: _operations().index_runs(organization_id, one.id) for one in projects}
    _show({"indexed": indexed})


@project.command("delete")
def delete_project(organization_id: Organization, project_id: ProjectId) -> None:
    """Remove a project, its jobs and its CronJobs; running Pods may finish, and runs can still be read."""
    _operations().delete_project(organization_id, project_id)
    _show({"deleted": project_id})


@token.command("create")
def create_token(
    organization_id: Organization,
    role: Annotated[Role, typer.Option(help="reader only reads")] = Role.DEVELOPER,
    days: Annotated[
        int | None, typer.Option(min=1, help="Days until it expires; if it is missing, it never expires")
    ] = None,
    description: Annotated[str, typer.Option(help="Who uses it, and for what")] = "",
) -> None:
    """Make a token. The command shows its text now and never again."""
    text, token_id = _operations().create_token(organization_id, role, days=days, description=description)
    _show({"token": text, "id": token_id})


@token.command("list")
def list_tokens(organization_id: Organization) -> None:
    """List an organization's tokens, without their secrets."""
    _show_all(_store().list_tokens(organization_id), leave_out={"secret_sha256"})


@token.command("rotate")
def rotate_token(
    organization_id: Organization,
    token_id: TokenId,
    days: Annotated[
        int | None, typer.Option(min=1, help="Days until the new one expires; if it is missing, it never expires")
    ] = None,
    overlap_hours: Annotated[int, typer.Option(min=0, help="For how many hours the old token stays valid")] = 24,
) -> None:
    """Make a token that replaces another one, which ends later. The command shows the new text now and never again."""
    overlap = timedelta(hours=overlap_hours)
    text, new_id = _operations().rotate_token(organization_id, token_id, days=days, overlap=overlap)
    _show({"token": text, "id": new_id})


@token.command("revoke")
def revoke_token(organization_id: Organization, token_id: TokenId) -> None:
    """Revoke a token; the gateway may accept it for up to one more minute."""
    _operations().revoke_token(organization_id, token_id)
    _show({"revoked": token_id})


def _operations() -> "ModuleType":
    # The environment must contain the tables' names before the store is imported; `use` puts them there.
    return import_module("jobsctl.operations")


def _leaving() -> "ModuleType":
    return import_module("jobsctl.leaving")


def _repeat_until_done(step: Callable[[datetime], str | None], *, wait: bool) -> None:
    """Take steps until none must wait; print to standard error what a step waits for."""
    printed = None
    while waits_for := step(datetime.now(UTC)):
        if not wait:
            sys.exit(f"jobsctl: not done yet, run this again later; it waits for {waits_for}")
        if waits_for != printed:
            typer.echo(f"waiting for {waits_for}", err=True)
        printed = waits_for
        time.sleep(WAIT_SECONDS)


def _usage_keys() -> "ModuleType":
    return import_module("jobsctl.usage_keys")


def _store() -> "ModuleType":
    return import_module("jobs_api.store")


def _parsed(settings: Iterable[str] | None) -> dict[str, Any]:
    return dict(_setting(setting) for setting in settings or ())


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _show(answer: BaseModel | dict[str, Any]) -> None:
    document = answer.model_dump(mode="json") if isinstance(answer, BaseModel) else answer
    typer.echo(json.dumps(document, indent=2))


def _show_all(answers: Iterable[BaseModel], leave_out: set[str] | None = None) -> None:
    typer.echo(json.dumps([answer.model_dump(mode="json", exclude=leave_out) for answer in answers], indent=2))


def main() -> None:
    """Run a command; print an error that an operator can correct as one line, without a traceback."""
    try:
        app()
    except NoRegionError:
        sys.exit("jobsctl: Name the region of the stack: export AWS_REGION=eu-central-1")
    except (JobsApiError, PynamoDBException, BotoCoreError, ClientError) as error:
        sys.exit(f"jobsctl: {error}")


if __name__ == "__main__":
    main()
