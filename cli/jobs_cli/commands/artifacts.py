"""The artifacts of runs: list, download."""

from pathlib import Path
from typing import Annotated

import typer

from jobs_cli import downloads, names, output
from jobs_cli.answers import Answer
from jobs_cli.commands.options import SUGGESTS, Json, ProjectOption, RunName, connected
from jobs_cli.errors import CommandFailed
from jobs_cli.log_pieces import ENDED

app = typer.Typer(
    name="artifacts",
    help="List and download what runs left in dbt's target folder, such as manifest.json.",
    epilog="Example: jobs-api artifacts get nightly",
    no_args_is_help=True,
    suggest_commands=SUGGESTS,
)


@app.command("list", epilog="Example: jobs-api artifacts list nightly")
def list_artifacts(run: RunName, project: ProjectOption = None, as_json: Json = False) -> None:
    """List the artifacts of a run."""
    with connected() as api:
        found = names.find_run(api, run, project)
        answer = api.get("runs", found["id"], "artifacts")
    if as_json:
        output.show_json(answer)
        return
    output.show_table(
        ("path", "bytes", "type"),
        [(one["path"], one["size_bytes"], one["content_type"]) for one in answer["artifacts"]],
    )
    if not answer["artifacts"]:
        output.note(f"jobs: {_why_none(found)}")


@app.command(epilog="Example: jobs-api artifacts get nightly manifest.json run_results.json --to target")
def get(
    run: RunName,
    paths: Annotated[list[str] | None, typer.Argument(metavar="[PATH]...", help="Which; without one all")] = None,
    to: Annotated[Path, typer.Option("--to", help="The folder in which they are stored")] = Path(),
    project: ProjectOption = None,
    as_json: Json = False,
) -> None:
    """Download artifacts of a run into a folder, the current one by default; files there are replaced."""
    with connected() as api:
        found = names.find_run(api, run, project)
        run_id = found["id"]
        artifacts = api.get("runs", run_id, "artifacts")["artifacts"]
        if not artifacts:
            raise CommandFailed(_why_none(found))
        wanted = _wanted(artifacts, paths or [])
        # All paths are checked before the first file is written.
        places = [(artifact, downloads.place_of(to, artifact["path"])) for artifact in wanted]
        with downloads.meter() as meter:
            for artifact, place in places:
                downloads.download(api, run_id, artifact, place, meter)
    if as_json:
        stored = [artifact | {"file": str(place)} for artifact, place in places]
        output.show_json({"run_id": run_id, "artifacts": stored})


def _why_none(run: Answer) -> str:
    """Return why a run has no artifacts."""
    if run["status"] not in ENDED:
        return (
            f"Run {run['id']} has no artifacts yet, it is {run['status']}; they are stored when its command has ended"
        )
    return f"Run {run['id']} has no artifacts; its project needs `artifacts`, and its image Python"


def _wanted(artifacts: list[Answer], paths: list[str]) -> list[Answer]:
    """Return the artifacts at these paths, or all of them.

    Raises:
        CommandFailed: the run has not this one.
    """
    known = {artifact["path"]: artifact for artifact in artifacts}
    for path in paths:
        if path not in known:
            raise CommandFailed(names.unknown(f"The run has no {path!r}", path, list(known)))
    return [known[path] for path in dict.fromkeys(paths)] or artifacts
