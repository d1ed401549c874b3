"""Previews schedules before jobs use them."""

from typing import Annotated

import typer

from jobs_cli import output
from jobs_cli.commands.options import Json, connected

app = typer.Typer()


@app.command(epilog='Example: jobs-api preview "0 2 * * *" --timezone Europe/Berlin')
def preview(
    schedule: Annotated[str, typer.Argument(help="Five fields, or a name such as @daily")],
    timezone: Annotated[str | None, typer.Option(help="An IANA name such as Europe/Berlin")] = None,
    count: Annotated[int, typer.Option(min=1, max=50, help="How many times")] = 10,
    as_json: Json = False,
) -> None:
    """Show when a schedule would fire, and which firings a clock change skips or doubles."""
    with connected() as api:
        answer = api.get("schedules", "preview", schedule=schedule, timezone=timezone, count=count)
    if as_json:
        output.show_json(answer)
        return
    output.show_table(
        ("UTC", "local"),
        [(output.moment(moment), local) for moment, local in zip(answer["next_run_at"], answer["local"], strict=False)],
    )
    for warning in answer.get("warnings", []):
        output.note(f"warning: {warning}")
