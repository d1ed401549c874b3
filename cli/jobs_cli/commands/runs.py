"""Runs: trigger, list, follow, cancel, retry, and what they did."""

import sys
from collections.abc import Iterator
from enum import Enum
from typing import Annotated

import typer

from jobs_cli import following, names, output
from jobs_cli.client import Answer, Api
from jobs_cli.commands.completing import job_names
from jobs_cli.commands.options import (
    JobName,
    Json,
    Limit,
    ProjectOption,
    RunName,
    Variables,
    connected,
    variables_of,
    without_none,
)
from jobs_cli.errors import CommandFailed
from jobs_cli.log_pieces import ENDED, LogReader, read_log

app = typer.Typer()


class OnOverlap(str, Enum):
    """What to do while a run of the job is open."""

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
    """Run what an ended run ran once more."""
    with connected() as api:
        found = names.find_run(api, run, project)
        started = api.post("runs", found["id"], "retry", body={"from": beginning.value})
        _after_start(api, started, wait=wait, cancel_on_interrupt=cancel_on_interrupt, as_json=as_json)


@app.command(epilog="Example: jobs-api runs nightly --status failed --limit 5")
def runs(
    name: Annotated[
        str | None, typer.Argument(metavar="[JOB]", help="Only those of this job", autocompletion=job_names)
    ] = None,
    status: Annotated[str | None, typer.Option(help="pending, running, success, failed, error or cancelled")] = None,
    triggered_by: Annotated[str | None, typer.Option(help="scheduled, manual, retry or chained")] = None,
    limit: Limit = 20,
    project: ProjectOption = None,
    as_json: Json = False,
) -> None:
    """List runs, newest first."""
    with connected() as api:
        job = names.find_job(api, name, project) if name else None
        # The project of the job is named, so that the server need not search the others.
        place = job["project_id"] if job else names.named_project(api, project)
        filters = {"job_id": job and job["id"], "status": status, "triggered_by": triggered_by}
        newest = list(_newest(api, place, limit, filters))
    if as_json:
        output.show_json({"runs": newest})
        return
    output.show_table(
        ("run", "status", "started (UTC)", "took", "by", "name"),
        [
            (
                run["id"],
                run["status"],
                output.moment(run.get("start_time")),
                output.duration(run.get("duration_seconds")),
                run["triggered_by"],
                run["job_name"],
            )
            for run in newest
        ],
    )
    if not newest:
        output.note("jobs: no such runs")


@app.command(epilog="Example: jobs-api stats nightly --days 7")
def stats(
    name: Annotated[
        str | None, typer.Argument(metavar="[JOB]", help="Only runs of this job", autocompletion=job_names)
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=400, help="How many days, the last of which is today")] = 30,
    project: ProjectOption = None,
    as_json: Json = False,
) -> None:
    """Show how many runs of a project ended on each day of UTC, and how."""
    with connected() as api:
        job = names.find_job(api, name, project) if name else None
        place = job["project_id"] if job else names.find_project(api, project).id
        answer = api.get("projects", place, "runs", "daily-stats", days=days, job_id=job and job["id"])
    if as_json:
        output.show_json(answer)
        return
    output.show_table(
        ("date", "runs", "success", "failed", "error", "cancelled", "success takes"),
        [
            (
                day["date"],
                day["total_runs"],
                day["successful_runs"],
                day["failed_runs"],
                day["error_runs"],
                day["cancelled_runs"],
                output.duration(day.get("avg_success_duration")),
            )
            for day in answer["days"]
            if day["total_runs"]
        ],
    )
    if not any(day["total_runs"] for day in answer["days"]):
        output.note(f"jobs: no run ended in the last {days} days")


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


@app.command(epilog="Example: jobs-api results nightly")
def results(run: RunName, project: ProjectOption = None, as_json: Json = False) -> None:
    """Show what each model, test and source of a run did."""
    with connected() as api:
        found = names.find_run(api, run, project)
        answer = api.get("runs", found["id"], "results")
    if as_json:
        output.show_json(answer)
        return
    output.show_table(
        ("status", "type", "name", "seconds", "rows", "message"),
        [
            (
                result["status"],
                result["resource_type"],
                result["name"],
                result.get("seconds"),
                result.get("rows"),
                " ".join((result.get("message") or "").split())[:200],
            )
            for result in answer["results"]
        ],
    )
    output.note("jobs: " + ", ".join(f"{count} {status}" for status, count in answer["counts"].items()))


@app.command(epilog="Example: jobs-api cancel run_abc123 --reason 'wrong target'")
def cancel(
    run: RunName,
    reason: Annotated[str | None, typer.Option(help="Why, for everybody who looks at the run")] = None,
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Until it has ended")] = False,
    project: ProjectOption = None,
    as_json: Json = False,
) -> None:
    """End a run: its command gets SIGTERM, and the pod's grace period."""
    with connected() as api:
        found = names.find_run(api, run, project)
        answer = api.post("runs", found["id"], "cancel", body=without_none(reason=reason))
        if wait:
            answer = _until_ended(api, found)
    if as_json:
        output.show_json(answer)
    elif wait:
        output.say(following.ending(answer))
    else:
        output.say(f"{found['id']}: {output.printable(answer['message'])}")


def _newest(api: Api, project_id: str | None, limit: int, filters: Answer) -> Iterator[Answer]:
    """Yield the newest runs of a project, or of all."""
    path = ("projects", project_id, "runs") if project_id else ("runs",)
    return api.pages(*path, items="runs", limit=limit, **filters)


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


def _until_ended(api: Api, run: Answer) -> Answer:
    reader = LogReader(api, run)
    while not reader.done:
        reader.read()
    ended = api.get("runs", run["id"])
    if ended["status"] not in ENDED:
        raise CommandFailed(f"{run['id']} is still {ended['status']}")
    return ended
