"""Runs: list, count, show results, cancel."""

from collections.abc import Iterator
from typing import Annotated

import typer

from jobs_cli import following, names, output
from jobs_cli.answers import Answer
from jobs_cli.client import Api
from jobs_cli.commands.completing import job_names
from jobs_cli.commands.logs import until_ended
from jobs_cli.commands.options import (
    Json,
    Limit,
    ProjectOption,
    RunName,
    connected,
    without_none,
)

app = typer.Typer()


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
            answer = until_ended(api, found)
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
