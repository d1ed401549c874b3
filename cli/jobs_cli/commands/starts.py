"""Start runs: trigger a job, retry a run, and follow what was started."""

import sys
from enum import Enum
from typing import Annotated

import typer

from jobs_cli import following, names, output
from jobs_cli.answers import Answer
from jobs_cli.client import Api
from jobs_cli.commands.options import (
    JobName,
    Json,
    ProjectOption,
    RunName,
    Variables,
    connected,
    variables_of,
    without_none,
)

app = typer.Typer()


class OnOverlap(str, Enum):
    """The behaviour of a trigger while a run of the job is open."""

    allow = "allow"
    skip = "skip"
    wait = "wait"


class Beginning(str, Enum):
    """Where a retry begins."""

    start = "start"
    failure = "failure"


Wait = Annotated[bool, typer.Option("--wait", "-w", help="Follow the log; the exit code is the run's")]
CancelOnInterrupt = Annotated[
    bool, typer.Option("--cancel-on-interrupt", help="With --wait: Ctrl-C or SIGTERM cancels the run, unasked; for CI")
]


@app.command(epilog="Example: jobs-api trigger nightly --wait")
def trigger(
    name: JobName,
    wait: Wait = False,
    command: Annotated[str | None, typer.Option(help="dbt only: what to run this time in place of the job's")] = None,
    environment: Variables = None,
    cause: Annotated[str | None, typer.Option(help="Why, for everybody who looks at the run")] = None,
    git_sha: Annotated[str | None, typer.Option(help="The commit that this run is for")] = None,
    on_overlap: Annotated[OnOverlap | None, typer.Option(help="While another run of the job is open")] = None,
    cancel_on_interrupt: CancelOnInterrupt = False,
    project: ProjectOption = None,
    as_json: Json = False,
) -> None:
    """Start a run of a job now."""
    body = without_none(
        command_override=command,
        environment=variables_of(environment) or None,
        cause=cause,
        git_sha=git_sha,
        on_overlap=on_overlap and on_overlap.value,
    )
    with connected() as api:
        job = names.find_job(api, name, project)
        started = api.post("projects", job["project_id"], "jobs", job["id"], "trigger", body=body)
        _after_start(api, started, wait=wait, cancel_on_interrupt=cancel_on_interrupt, as_json=as_json)


@app.command(epilog="Example: jobs-api retry run_abc123 --wait")
def retry(
    run: RunName,
    beginning: Annotated[
        Beginning,
        typer.Option("--from", help="failure: only the nodes that failed, and those that were skipped because of them"),
    ] = (Beginning.start),
    wait: Wait = False,
    cancel_on_interrupt: CancelOnInterrupt = False,
    project: ProjectOption = None,
    as_json: Json = False,
) -> None:
    """Run the command of an ended run once more."""
    with connected() as api:
        found = names.find_run(api, run, project)
        started = api.post("runs", found["id"], "retry", body={"from": beginning.value})
        _after_start(api, started, wait=wait, cancel_on_interrupt=cancel_on_interrupt, as_json=as_json)


def _after_start(api: Api, started: Answer, *, wait: bool, cancel_on_interrupt: bool, as_json: bool) -> None:
    run_id = started["job_run_id"]
    if not wait:
        output.show_json(started) if as_json else output.say(
            f"{run_id} {started['status']}: {output.printable(started['message'])}"
        )
        return
    output.note(f"jobs: {run_id} ({started['job_name']}) {started['status']}")
    ended = following.follow(
        api,
        {"id": run_id, "job_name": started["job_name"], "status": started["status"]},
        log_to=sys.stderr if as_json else sys.stdout,
        cancel_when_interrupted=cancel_on_interrupt,
    )
    if as_json:
        output.show_json(ended)
    raise typer.Exit(following.exit_code(ended))
