"""Jobs: list, show, create, change, pause, and what their schedules did."""

import json
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any

import typer

from jobs_cli import input_text, names, output
from jobs_cli.answers import Answer
from jobs_cli.commands.options import (
    JobName,
    Json,
    ProjectOption,
    Settings,
    Variables,
    Yes,
    agreed,
    connected,
    fields_of,
    variables_of,
    without_none,
)
from jobs_cli.errors import CommandFailed

app = typer.Typer()
UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@app.command("list", epilog="Example: jobs-api list --project jaffle")
def list_jobs(project: ProjectOption = None, as_json: Json = False) -> None:
    """List the jobs of a project; of all projects, where none is named and there is no default."""
    with connected() as api:
        places = names.projects_to_search(api, project)
        jobs = [job | {"project": place.name} for place in places for job in names.jobs_of(api, place)]
    if as_json:
        output.show_json({"jobs": jobs, "total": len(jobs)})
        return
    output.show_table(
        ("project", "job", "schedule", "timezone", "state", "next run (UTC)", "command"),
        [
            (
                job["project"],
                job["name"],
                job.get("schedule") or "after others",
                job.get("timezone"),
                _state(job),
                output.moment(job.get("next_run_at")),
                job["command"],
            )
            for job in jobs
        ],
    )
    if not jobs:
        output.note("jobs: no jobs yet; `jobs-api create --help` shows how to make one")


@app.command(epilog="Example: jobs-api show nightly")
def show(name: JobName, project: ProjectOption = None, as_json: Json = False) -> None:
    """Show a job with all its fields; with a run's id, that run."""
    with connected() as api:
        found = api.get("runs", name) if name.startswith("run_") else names.find_job(api, name, project)
    _show(found, as_json=as_json)


@app.command(
    epilog='Example: jobs-api create nightly --command "dbt build" --schedule "0 2 * * *" --timezone Europe/Berlin'
)
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called")],
    command: Annotated[str | None, typer.Option(help="What it runs, such as 'dbt build'")] = None,
    schedule: Annotated[str | None, typer.Option(help="When, such as '0 2 * * *' or @daily")] = None,
    timezone_name: Annotated[str | None, typer.Option("--timezone", help="The schedule's zone")] = None,
    description: Annotated[str | None, typer.Option(help="For people")] = None,
    disabled: Annotated[
        bool, typer.Option("--disabled", help="Create it disabled, so that its schedule starts nothing yet")
    ] = False,
    environment: Variables = None,
    settings: Settings = None,
    file: Annotated[
        str | None, typer.Option("--file", "-f", help="A JSON file with the fields of the job; - is standard input")
    ] = None,
    project: ProjectOption = None,
    as_json: Json = False,
) -> None:
    """Create a job. Every field of the API can be set, by --set or in a file."""
    body = _object_in(file) if file else {}
    body |= without_none(name=name, command=command, schedule=schedule, timezone=timezone_name, description=description)
    body |= {"enabled": False} if disabled else {}
    body |= {"environment": variables_of(environment)} if environment else {}
    body |= fields_of(settings)
    with connected() as api:
        place = names.find_project(api, project)
        job = api.post("projects", place.id, "jobs", body=names.with_ids(api, place, body))
    if as_json:
        output.show_json(job)
    else:
        output.say(f"Created {job['name']} ({job['id']}); next run: {output.moment(job.get('next_run_at')) or 'none'}")


@app.command(epilog="Example: jobs-api update nightly --set schedule='0 3 * * *' --set retries=2")
def update(name: JobName, settings: Settings = None, project: ProjectOption = None, as_json: Json = False) -> None:
    """Change fields of a job; null removes a value."""
    _change(name, project, fields_of(settings), as_json=as_json)


@app.command(epilog="Example: jobs-api delete nightly --yes")
def delete(
    name: JobName,
    yes: Yes = False,
    project: ProjectOption = None,
    as_json: Json = False,
) -> None:
    """Delete a job; its runs and their logs stay readable, and pods that run are left to finish."""
    with connected() as api:
        job = names.find_job(api, name, project)
        agreed(f"Delete {job['name']} ({job['id']})?", yes=yes)
        answer = api.delete("projects", job["project_id"], "jobs", job["id"])
    output.show_json(answer) if as_json else output.say(f"Deleted {job['name']}")


@app.command(epilog="Example: jobs-api pause nightly --for 2h --reason 'The warehouse moves'")
def pause(
    name: JobName,
    until: Annotated[str | None, typer.Option(help="A time such as 2026-04-28T06:00:00Z")] = None,
    length: Annotated[str | None, typer.Option("--for", help="How long, such as 30m, 2h or 3d")] = None,
    reason: Annotated[str | None, typer.Option(help="Why, for everybody who looks at the job")] = None,
    project: ProjectOption = None,
    as_json: Json = False,
) -> None:
    """Stop a job's schedule until a time; the slots until then are not run later."""
    if (until is None) == (length is None):
        raise typer.BadParameter("give one of --until and --for")
    end = until or _time_after(length or "")
    _change(name, project, {"paused_until": end, "pause_reason": reason}, as_json=as_json)


@app.command(epilog="Example: jobs-api resume nightly")
def resume(name: JobName, project: ProjectOption = None, as_json: Json = False) -> None:
    """End a pause before its time."""
    _change(name, project, {"paused_until": None, "pause_reason": None}, as_json=as_json)


@app.command(epilog="Example: jobs-api enable nightly")
def enable(name: JobName, project: ProjectOption = None, as_json: Json = False) -> None:
    """Let a job's schedule start runs."""
    _change(name, project, {"enabled": True}, as_json=as_json)


@app.command(epilog="Example: jobs-api disable nightly")
def disable(name: JobName, project: ProjectOption = None, as_json: Json = False) -> None:
    """Let a job's schedule start nothing; it can still be triggered."""
    _change(name, project, {"enabled": False}, as_json=as_json)


@app.command(epilog="Example: jobs-api slots nightly --from 2026-04-01T00:00:00Z")
def slots(
    name: JobName,
    begin: Annotated[str | None, typer.Option("--from", help="The first time that may be shown")] = None,
    end: Annotated[str | None, typer.Option("--to", help="The time before which it ends, up to 31 days later")] = None,
    project: ProjectOption = None,
    as_json: Json = False,
) -> None:
    """Show each time at which the schedule fires: what came of it, or that it is to come."""
    with connected() as api:
        job = names.find_job(api, name, project)
        # `from` is a keyword of Python.
        window: dict[str, Any] = {"from": begin, "to": end}
        answer = api.get("projects", job["project_id"], "jobs", job["id"], "slots", **window)
    if as_json:
        output.show_json(answer)
        return
    output.show_table(
        ("slot (UTC)", "outcome", "run", "reason"),
        [
            (output.moment(slot["scheduled_for"]), slot["outcome"], slot.get("run_id"), slot.get("reason"))
            for slot in answer["slots"]
        ],
    )


def _change(name: str, project: str | None, fields: dict[str, Any], *, as_json: bool) -> None:
    with connected() as api:
        job = names.find_job(api, name, project)
        place = names.Project(job["project_id"], job["project_id"])
        changed = api.put("projects", place.id, "jobs", job["id"], body=names.with_ids(api, place, fields))
    if as_json:
        output.show_json(changed)
    else:
        output.say(
            f"{changed['name']} is {_state(changed)}; next run: {output.moment(changed.get('next_run_at')) or 'none'}"
        )


def _show(found: Answer, *, as_json: bool) -> None:
    output.show_json(found) if as_json else output.show_fields(found)


def _state(job: Answer) -> str:
    if not job["enabled"]:
        return "disabled"
    if job.get("paused_until"):
        return "paused"
    return str(job.get("sync", {}).get("state", "enabled"))


def _object_in(file: str) -> dict[str, Any]:
    try:
        content = json.loads(input_text.text_of(file))
    except ValueError as error:
        raise CommandFailed(f"{input_text.name_of(file)} is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise CommandFailed(f"{input_text.name_of(file)} must hold a JSON object, the fields of a job")
    return content


def _time_after(length: str) -> str:
    number, unit = length[:-1], length[-1:]
    if not number.isdecimal() or not number.isascii() or unit not in UNITS or len(number) > 5:
        raise typer.BadParameter(f"{length!r} is not a number with m, h or d, such as 2h", param_hint="--for")
    end = datetime.now(timezone.utc) + timedelta(**{UNITS[unit]: int(number)})
    return end.strftime("%Y-%m-%dT%H:%M:%SZ")
