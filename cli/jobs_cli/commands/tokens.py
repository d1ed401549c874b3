"""Tokens of the organization: list, make, revoke."""

from typing import Annotated

import typer

from jobs_cli import names, output
from jobs_cli.commands.options import SUGGESTS, Json, Yes, agreed, connected, without_none

app = typer.Typer(
    name="tokens",
    help="List, create and revoke the tokens of your organization; this needs an admin's token.",
    epilog="Example: jobs-api tokens list",
    no_args_is_help=True,
    suggest_commands=SUGGESTS,
)


@app.command("list", epilog="Example: jobs-api tokens list")
def list_tokens(as_json: Json = False) -> None:
    """List the tokens, without their secrets."""
    with connected() as api:
        answer = api.get("tokens")
    if as_json:
        output.show_json(answer)
        return
    output.show_table(
        ("id", "name", "role", "created (UTC)", "expires (UTC)", "revoked (UTC)"),
        [
            (
                token["id"],
                token.get("name"),
                token["role"],
                output.moment(token["created_at"]),
                output.moment(token.get("expires_at")),
                output.moment(token.get("revoked_at")),
            )
            for token in answer["tokens"]
        ],
    )


@app.command(epilog="Example: jobs-api tokens create 'CI of the warehouse' --role developer --expires-in-days 90")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who uses it, for the list and the audit log")],
    role: Annotated[str, typer.Option(help="reader, developer or admin")],
    expires_in_days: Annotated[
        int | None, typer.Option(help="Days until it expires; without this it never expires")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a token. Its secret is printed on standard output, and never shown again."""
    with connected() as api:
        made = api.post("tokens", body=without_none(name=name, role=role, expires_in_days=expires_in_days))
    if as_json:
        output.show_json(made)
        return
    output.note(f"jobs: created {made['id']} ({made['role']}); its secret is shown only now:")
    output.say(made["token"])


@app.command(epilog="Example: jobs-api tokens delete 'CI of the warehouse' --yes")
def delete(
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="Its id, or its name if one valid token has it")],
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Revoke a token: requests with it are refused from now on."""
    with connected() as api:
        found = names.find_token(api, token)
        agreed(f"Revoke the token {found.get('name') or found['id']} ({found['role']})?", yes=yes)
        answer = api.delete("tokens", found["id"])
    output.show_json(answer) if as_json else output.say(f"Revoked {found['id']}")
