"""The versions of a job: list who changed what, and roll back to one."""

import json
from typing import Annotated, Any

import typer

from jobs_cli import names, output
from jobs_cli.answers import Answer
from jobs_cli.commands.options import (
    JobName,
    Json,
    Limit,
    ProjectOption,
    connected,
)

app = typer.Typer()


@app.command(epilog="Example: jobs-api history nightly")
def history(name: JobName, limit: Limit = 20, project: ProjectOption = None, as_json: Json = False) -> None:
    """Show who changed a job, when and how."""
    with connected() as api:
        job = names.find_job(api, name, project)
        path = ("projects", job["project_id"], "jobs", job["id"], "history")
        versions = list(api.pages(*path, items="versions", limit=limit))
    if as_json:
        output.show_json({"versions": versions})
        return
    output.show_table(
        ("version", "changed at (UTC)", "by", "changes"),
        [
            (version["version"], output.moment(version["changed_at"]), _actor(version), _changes(version))
            for version in versions
        ],
    )


@app.command(epilog="Example: jobs-api rollback nightly 3")
def rollback(
    name: JobName,
    version: Annotated[int, typer.Argument(min=1, help="A version that `jobs-api history` shows")],
    project: ProjectOption = None,
    as_json: Json = False,
) -> None:
    """Set the fields of a job to those of a version."""
    with connected() as api:
        job = names.find_job(api, name, project)
        changed = api.post("projects", job["project_id"], "jobs", job["id"], "rollback", body={"version": version})
    output.show_json(changed) if as_json else output.say(f"{changed['name']} is as it was in version {version}")


def _actor(version: Answer) -> str:
    actor = version.get("changed_by", {})
    return str(actor.get("name") or actor.get("token_id") or "")


def _changes(version: Answer) -> str:
    def shown(value: Any) -> str:
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    return "; ".join(
        f"{field}: {shown(change.get('before'))} -> {shown(change.get('after'))}"
        for field, change in version.get("fields", {}).items()
    )
