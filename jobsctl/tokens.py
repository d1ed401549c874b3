"""`jobsctl token`: makes, lists, rotates and revokes tokens."""

from datetime import timedelta
from typing import Annotated

import typer

from jobs_api.model.organization import Role
from jobsctl import deployment
from jobsctl.command_line import Organization, TokenId, show, show_all

app = typer.Typer(no_args_is_help=True, help="Tokens: what clients send as Authorization: Bearer.")


@app.command("create")
def create_token(
    organization_id: Organization,
    role: Annotated[Role, typer.Option(help="reader only reads")] = Role.DEVELOPER,
    days: Annotated[
        int | None, typer.Option(min=1, help="Days until it expires; if it is missing, it never expires")
    ] = None,
    description: Annotated[str, typer.Option(help="Who uses it, and for what")] = "",
) -> None:
    """Make a token. The command shows its text now and never again."""
    text, token_id = deployment.operations().create_token(organization_id, role, days=days, description=description)
    show({"token": text, "id": token_id})


@app.command("list")
def list_tokens(organization_id: Organization) -> None:
    """List an organization's tokens, without their secrets."""
    show_all(deployment.store().list_tokens(organization_id), leave_out={"secret_sha256"})


@app.command("rotate")
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
    text, new_id = deployment.operations().rotate_token(organization_id, token_id, days=days, overlap=overlap)
    show({"token": text, "id": new_id})


@app.command("revoke")
def revoke_token(organization_id: Organization, token_id: TokenId) -> None:
    """Revoke a token; the gateway may accept it for up to one more minute."""
    deployment.operations().revoke_token(organization_id, token_id)
    show({"revoked": token_id})
