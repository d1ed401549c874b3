"""`jobsctl organization`: makes, changes, moves and removes organizations."""

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

from jobsctl import deployment
from jobsctl.command_line import Organization, show, show_all

WAIT_SECONDS = 10

app = typer.Typer(no_args_is_help=True, help="Organizations: an id that is also a Kubernetes namespace.")

AbandonCluster = Annotated[
    bool, typer.Option("--abandon-cluster", help="Its cluster no longer exists: do not wait for it")
]
Wait = Annotated[bool, typer.Option(help="Wait until it is done; without, stop at the first step that must wait")]


@app.command("create")
def create_organization(
    organization_id: Organization,
    name: Annotated[str | None, typer.Option(help="Its name for people")] = None,
    cluster: Annotated[str | None, typer.Option(help="Its EKS cluster, if not the deployment's default")] = None,
) -> None:
    """Make an organization with its own limit of requests."""
    made = deployment.operations().create_organization(organization_id, name, cluster)
    try:
        show(deployment.usage_keys().give(organization_id) if deployment.usage_keys().are_used() else made)
    except (BotoCoreError, ClientError) as error:
        typer.echo(f"jobsctl: {organization_id} exists now, but shares a limit of requests: {error}", err=True)
        show(made)


@app.command("limit")
def limit_organizations(
    organization_id: Annotated[
        str | None, typer.Argument(metavar="[ORGANIZATION]", help="All, where none is named")
    ] = None,
) -> None:
    """Set an organization's own limit of requests, if it has shared one so far."""
    if not deployment.usage_keys().are_used():
        raise typer.BadParameter("the deployment's template is older than limits for organizations; upgrade it first")
    known = (
        [deployment.store().get_organization(organization_id)]
        if organization_id
        else deployment.store().list_organizations()
    )
    show_all([deployment.usage_keys().give(organization.id) for organization in known])


@app.command("seal")
def seal_environments(organization_id: Organization) -> None:
    """Encrypt secret values in environments of jobs that were last changed by a release that stored them in clear."""
    deployment.store().get_organization(organization_id)
    show({"organization": organization_id, "sealed": deployment.operations().seal_environments(organization_id)})


@app.command("slack-token")
def set_slack_token(
    organization_id: Organization,
    token: Annotated[
        str, typer.Option(prompt=True, hide_input=True, help="xoxb-...; the command asks for it if it is missing")
    ],
) -> None:
    """Store the bot token for its Slack alerts; it needs the scope chat:write. Used within five minutes."""
    deployment.operations().set_slack_token(organization_id, token)
    show({"organization": organization_id, "slack_token": "stored"})


@app.command("confirm-removals")
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
    show(deployment.operations().confirm_removals(organization_id, at_most=at_most, hours=hours, project_id=project_id))


@app.command("check-runs")
def check_runs(organization_id: Organization) -> None:
    """Make the next ingest compare all ended Jobs in the cluster with the runs, as after a restore of tables."""
    show(deployment.operations().check_runs(organization_id))


@app.command("move")
def move_organization(
    organization_id: Organization,
    cluster: Annotated[str | None, typer.Option(help="The new EKS cluster; if it is missing, the default")] = None,
    abandon_cluster: AbandonCluster = False,  # noqa: FBT002
    wait: Wait = True,  # noqa: FBT002
) -> None:
    """Move an organization to another cluster; its projects must be undeployed.

    It takes seven minutes, and longer if runs are open. If it is interrupted, run it again to continue.
    """
    leaving = deployment.leaving()
    _repeat_until_done(lambda now: leaving.move(organization_id, cluster, now, abandon=abandon_cluster), wait=wait)
    show(deployment.store().get_organization(organization_id))


@app.command("delete")
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
    deployment.store().get_organization(organization_id)
    if not yes:
        typer.confirm(f"Remove {organization_id} and everything it has?", abort=True, err=True)
    leaving = deployment.leaving()
    _repeat_until_done(lambda now: leaving.delete(organization_id, now, abandon=abandon_cluster), wait=wait)
    show({"deleted": organization_id})


@app.command("list")
def list_organizations() -> None:
    """List all organizations."""
    show_all(deployment.store().list_organizations())


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
