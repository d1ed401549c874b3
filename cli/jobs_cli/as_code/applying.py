"""Asks the API for the plans of projects and applies them; continues where a request ended before its work did."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from jobs_cli import names
from jobs_cli.answers import Answer
from jobs_cli.as_code.jobs_file import ListedProject
from jobs_cli.client import Api
from jobs_cli.errors import INTERRUPTED, CommandFailed, Refused, Unreachable

STALE: Final = "stale_plan"
# The API's message while the first request with a key runs, and for half a minute after that died.
IN_PROGRESS: Final = "The first request with this Idempotency-Key"
# How many new plans are made when an apply was only partly done.
MOST_COMPARED: Final = 20


@dataclass
class ProjectPlan:
    """The plan of one project, or what is left of it; `done` are the changes that were written."""

    listed: ListedProject
    project_id: str
    answer: Answer
    prune: bool
    done: list[Answer] = field(default_factory=list)

    @property
    def changes(self) -> list[Answer]:
        """The changes that are not written yet."""
        return [change for change in self.answer["changes"] if change["action"] != "none"]

    @property
    def unchanged(self) -> int:
        """How many jobs are as the file has them."""
        return len(self.answer["changes"]) - len(self.changes)

    def body(self, **more: Any) -> dict[str, Any]:
        """Return the body of a request."""
        return {"jobs": self.listed.jobs, "prune": self.prune, **more}


def make_plans(api: Api, projects: Sequence[ListedProject], only: str | None, *, prune: bool) -> list[ProjectPlan]:
    """Return the plans of the file's projects, or of `only` one of them.

    One request for each project, and one for their ids.

    Raises:
        CommandFailed: with the faults of all projects, each with its line.
    """
    wanted = [project for project in projects if only is None or _is_called(project.name, only)]
    if not wanted and only and only.startswith("proj_"):
        known = _ids_of(api, [project.name for project in projects])
        wanted = [project for project, its_id in zip(projects, known) if its_id == only]  # noqa: B905
    if not wanted:
        raise CommandFailed(f"The file has no project {only!r}; it has {', '.join(one.name for one in projects)}")
    ids = _ids_of(api, [project.name for project in wanted])
    plans: list[ProjectPlan] = []
    faults: list[str] = []
    for listed, project_id in zip(wanted, ids):  # noqa: B905 - Python 3.10 knows strict, but both are of one length
        plan = ProjectPlan(listed, project_id, {}, prune)
        plans.append(plan)
        faults += _faults_of_dry_run(api, plan)
    if faults:
        raise CommandFailed("Nothing is planned:\n" + "\n".join(faults))
    return plans


def _faults_of_dry_run(api: Api, plan: ProjectPlan) -> list[str]:
    try:
        _dry_run(api, plan)
    except Refused as refused:
        if not refused.faults:
            raise
        return plan.listed.faults_in_file(refused.faults)
    return []


def _dry_run(api: Api, plan: ProjectPlan) -> ProjectPlan:
    plan.answer = api.post("projects", plan.project_id, "apply", body=plan.body(), query={"dry_run": True})
    return plan


def _is_called(name: str, wanted: str) -> bool:
    return name == wanted or names.slug(name) == names.slug(wanted)


def _ids_of(api: Api, wanted: Iterable[str]) -> list[str]:
    known = None
    found: dict[str, str] = {}
    for name in wanted:
        its_id = name
        if not name.startswith("proj_"):
            known = names.all_projects(api) if known is None else known
            its_id = names.named(known, name, "project").id
        if its_id in found:
            raise CommandFailed(f"The file has a project twice, as {found[its_id]!r} and as {name!r}")
        found[its_id] = name
    return list(found)


def apply_plans(api: Api, plans: Sequence[ProjectPlan], told: Callable[[str, int, int], None]) -> None:
    """Apply plans, one project after the other; `told` gets a project's name, the number of changes done, and of all.

    Raises:
        CommandFailed: a plan is stale, or the server is away; what is written until then stays written.
    """
    for plan in plans:
        if plan.changes:
            _apply(api, plan, told)


def _apply(api: Api, plan: ProjectPlan, told: Callable[[str, int, int], None]) -> None:
    total = len(plan.changes)
    plan_id = plan.answer["plan_id"]
    compared = 0
    while True:
        try:
            answer = api.post("projects", plan.project_id, "apply", body=plan.body(plan_id=plan_id))
        except Unreachable as error:
            raise Unreachable(f"{error}\n{_so_far(plan, total)}") from error
        except KeyboardInterrupt:
            said = "Interrupted; the server may still write what it was asked"
            raise CommandFailed(f"{said}\n{_so_far(plan, total)}", INTERRUPTED) from None
        except Refused as refused:
            compared += 1
            rest = _rest_of(api, plan, refused) if compared <= MOST_COMPARED else None
            if rest is None:
                raise _with_progress(plan, total, refused) from refused
            # A request whose answer was lost wrote a part of the plan; the new plan has the rest of the one that was
            # shown.
            plan_id = rest
            continue
        plan.done += [change for change in answer["changes"] if change.get("applied")]
        left = answer["remaining"]
        told(plan.listed.name, total - left, total)
        if not left:
            return
        plan_id = answer["plan_id"]


def _rest_of(api: Api, plan: ProjectPlan, refused: Refused) -> str | None:
    """Return the plan_id of what is left, None where that is not a part of the plan that was looked at."""
    in_progress = str(refused).startswith(IN_PROGRESS)
    if refused.code != STALE and not in_progress:
        return None
    looked_at = {_compared_parts(change) for change in plan.changes}
    now = _dry_run(api, ProjectPlan(plan.listed, plan.project_id, {}, plan.prune))
    left = {_compared_parts(change) for change in now.changes}
    # If nothing of the plan was written, it is stale and would be refused again.
    if left < looked_at or (in_progress and left == looked_at):
        return str(now.answer["plan_id"])
    return None


def _compared_parts(change: Answer) -> str:
    fields = json.loads(json.dumps(change.get("fields", {})))
    for value in fields.get("run_after", {}).values():
        for one in value or ():
            # A job that was created meanwhile has an id now.
            one.pop("job_id", None)
    return json.dumps([change["action"], change["name"], fields], sort_keys=True)


def _with_progress(plan: ProjectPlan, total: int, refused: Refused) -> CommandFailed:
    if refused.faults:
        return CommandFailed("\n".join([*plan.listed.faults_in_file(refused.faults), _so_far(plan, total)]))
    if refused.code == STALE:
        said = f"{plan.listed.name}: the plan is stale: its jobs have changed since. Look at a new plan"
        return CommandFailed(f"{said}\n{_so_far(plan, total)}", refused.exit_code)
    return CommandFailed(f"{refused}\n{_so_far(plan, total)}", refused.exit_code)


def _so_far(plan: ProjectPlan, total: int) -> str:
    done = len(plan.done)
    said = f"{done} of {total} changes of {plan.listed.name} are known to be written"
    return f"{said}; the same command again continues with the others"


def store_plans(file: str, plans: Sequence[ProjectPlan]) -> None:
    """Write the ids of plans to a file, for an apply that is to do just these."""
    content = {
        "prune": any(plan.prune for plan in plans),
        "plans": {one.project_id: one.answer["plan_id"] for one in plans},
    }
    try:
        Path(file).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise CommandFailed(f"The plan cannot be written: {error}") from error


def stored_plans(file: str) -> tuple[dict[str, str], bool]:
    """Return the ids of plans by project, and whether they prune.

    Raises:
        CommandFailed: the file is not what `store_plans` writes.
    """
    try:
        content = json.loads(Path(file).read_text(encoding="utf-8"))
        plans, prune = dict(content["plans"]), bool(content["prune"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CommandFailed(f"{file} is no plan of `jobs-api plan --out`: {error}") from error
    return plans, prune


def check_same(plans: Sequence[ProjectPlan], stored: dict[str, str]) -> None:
    """Raise CommandFailed where plans are not those that were stored."""
    stale = [one.listed.name for one in plans if stored.get(one.project_id) != one.answer["plan_id"]]
    if stale or len(plans) != len(stored):
        told = ", ".join(stale) or "other projects"
        raise CommandFailed(f"The stored plan is stale for {told}: the file or the jobs have changed. Plan again")
