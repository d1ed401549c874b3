"""Jobs as code: a file with the jobs of projects, what applying it would change, and applying it."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from jobs_cli import names, output
from jobs_cli.as_code import applying, importing, jobs_file, plan_text
from jobs_cli.commands.options import Json, ProjectOption, connected
from jobs_cli.errors import CommandFailed

app = typer.Typer()
CHANGES = 2

File = Annotated[str, typer.Option("--file", "-f", metavar="FILE", help="The file; - is standard input")]
Only = Annotated[str | None, typer.Option("--project", "-p", metavar="PROJECT", help="Only this project of the file")]
Prune = Annotated[bool, typer.Option("--prune", help="Delete the jobs of these projects that the file does not have")]


@app.command(epilog="Example: jobs-api plan --detailed-exitcode")
def plan(
    file: File = jobs_file.FILE,
    project: Only = None,
    prune: Prune = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="End with 2 if there is something to change")
    ] = False,
    out: Annotated[
        str | None, typer.Option("--out", metavar="FILE", help="Store which plan this is, for apply --plan")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what applying a file would change, with the slots of the next day; nothing is written."""
    listed = jobs_file.load(file)
    with connected() as api:
        plans = applying.make_plans(api, listed, project, prune=prune)
    if out:
        applying.store_plans(out, plans)
    if as_json:
        output.show_json({"projects": [_as_json(one, one.answer["changes"]) for one in plans]})
    else:
        plan_text.show(plans)
    if detailed_exitcode and any(one.changes for one in plans):
        raise typer.Exit(CHANGES)


@app.command(epilog="Example: jobs-api apply --yes")
def apply(
    file: File = jobs_file.FILE,
    project: Only = None,
    prune: Prune = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the plan, as jobs-api plan does")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask")] = False,
    stored: Annotated[
        str | None, typer.Option("--plan", metavar="FILE", help="Apply only if the plan is still this one; do not ask")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make the jobs of projects match a file: show the plan, ask, and apply just that plan."""
    if dry_run and stored:
        raise CommandFailed("--dry-run makes a new plan; give it without --plan")
    if dry_run:
        plan(file, project, prune=prune, as_json=as_json)
        return
    wanted, stored_prune = applying.stored_plans(stored) if stored else ({}, False)
    if not yes and not stored and not _can_ask(file):
        raise CommandFailed("There is no terminal to ask on; look at `jobs-api plan`, and give --yes")
    listed = jobs_file.load(file)
    with connected() as api:
        plans = applying.make_plans(api, listed, project, prune=prune or stored_prune)
        if stored:
            applying.check_same(plans, wanted)
        if not as_json:
            plan_text.show(plans)
        if any(one.changes for one in plans):
            if not yes and not stored and not typer.confirm("Apply these changes?", err=True):
                raise CommandFailed("Nothing was applied")
            with _progress() as told:
                applying.apply_plans(api, plans, told)
    _show_applied(plans, as_json=as_json)


@app.command("import", epilog="Example: jobs-api import --project jaffle > jobs.yml")
def import_jobs(project: ProjectOption = None, as_json: Json = False) -> None:
    """Print the jobs of a project, or of all, as a file that applied changes nothing; secrets are left as masks."""
    with connected() as api:
        places = names.projects_to_search(api, project)
        content = importing.content_of({place.name: names.jobs_of(api, place) for place in places})
    if as_json:
        output.show_json(content)
    else:
        sys.stdout.write(importing.text_of(content))


@app.command(epilog="Example: jobs-api schema > jobs.schema.json")
def schema() -> None:
    """Print the JSON schema of the file, with which an editor completes and checks it."""
    sys.stdout.write((Path(importing.__file__).parent / "jobs.schema.json").read_text(encoding="utf-8"))


def _show_applied(plans: Sequence[applying.ProjectPlan], *, as_json: bool) -> None:
    if as_json:
        output.show_json({"projects": [_as_json(one, one.done) for one in plans]})
        return
    # Changes of a request whose answer was lost are not in `done`.
    count = sum(len(one.changes) for one in plans)
    if count:
        output.say(f"Applied {count} changes" if count > 1 else "Applied 1 change")
    for change in (change for one in plans for change in one.done):
        if change.get("webhook_secret"):
            output.note(f"jobs: {change['name']} has a new webhook secret; --json shows it, and you can rotate it")


def _as_json(plan_: applying.ProjectPlan, changes: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "project": plan_.listed.name,
        "project_id": plan_.project_id,
        "plan_id": plan_.answer["plan_id"],
        "changes": changes,
    }


def _can_ask(file: str) -> bool:
    return file != "-" and sys.stdin.isatty()


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show how far an apply is: in place on a terminal, a line for each answer elsewhere."""
    if not output.is_terminal(sys.stderr):
        yield lambda project, done, total: output.note(f"jobs: {project}: {done} of {total} changes are written")
        return
    from rich.console import Console  # noqa: PLC0415 - most calls do without it
    from rich.text import Text  # noqa: PLC0415

    with Console(stderr=True).status("Applying") as status:
        # As a plain text, the brackets in a name would be read as a style.
        yield lambda project, done, total: status.update(
            Text(output.printable(f"Applying {project}: {done} of {total}"))
        )
