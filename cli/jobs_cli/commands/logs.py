"""The log of a run: what is stored, or as it is written."""

import sys
from typing import Annotated

import typer

from jobs_cli import following, names, output
from jobs_cli.answers import Answer
from jobs_cli.client import Api
from jobs_cli.commands.options import (
    Json,
    ProjectOption,
    RunName,
    connected,
)
from jobs_cli.errors import CommandFailed
from jobs_cli.log_pieces import ENDED, LogReader, read_log

app = typer.Typer()


@app.command(epilog="Example: jobs-api logs -f nightly")
def logs(
    run: RunName,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Follow the log until the run has ended")] = False,
    project: ProjectOption = None,
    as_json: Json = False,
) -> None:
    """Print the log of a run. With --follow the exit code is the run's, and --json prints a line for each piece."""
    with connected() as api:
        found = names.find_run(api, run, project)
        if follow and as_json:
            _print_pieces(api, found)
        elif follow:
            raise typer.Exit(following.exit_code(following.follow(api, found)))
        else:
            _print_log(read_log(api, found), as_json=as_json)


def _print_pieces(api: Api, run: Answer) -> None:
    reader = LogReader(api, run)
    while not reader.done:
        piece = reader.read()
        output.say(output.json_text({"run_id": run["id"], "status": piece.status, "logs": piece.text}))
        sys.stdout.flush()


def _print_log(answer: Answer, *, as_json: bool) -> None:
    if as_json:
        output.show_json(answer)
        return
    shown = output.log_for_terminal(answer["logs"]) if output.is_terminal(sys.stdout) else answer["logs"]
    sys.stdout.write(shown)
    if answer.get("truncated"):
        output.note(f"jobs: this is the end of the log; all of it: {answer.get('download_url')}")
    if answer.get("message"):
        output.note(f"jobs: {answer['message']}")


def until_ended(api: Api, run: Answer) -> Answer:
    """Return a run once it has ended."""
    reader = LogReader(api, run)
    while not reader.done:
        reader.read()
    ended = api.get("runs", run["id"])
    if ended["status"] not in ENDED:
        raise CommandFailed(f"{run['id']} is still {ended['status']}")
    return ended
