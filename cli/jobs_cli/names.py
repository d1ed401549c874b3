"""Finds what a person names: projects and jobs by name or id, runs by id, by their Job's name, or as a job's latest."""

import re
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from jobs_cli.answers import Answer
from jobs_cli.client import Api
from jobs_cli.errors import CommandFailed, NotOffered, ProjectsNotListed, Refused

# The end of a Kubernetes Job's name: a time, or a slot as a number of minutes.
JOB_NAME: Final = re.compile(r"[a-z0-9-]+-(\d{8}-\d{6}|\d{6,})(-\w+)?")
# A server reads all jobs of a project for each page; most projects are one page.
LARGEST_PAGE: Final = 10_000


@dataclass(frozen=True)
class Project:
    """A project; of one that was named by its id, the name is that id."""

    id: str
    name: str


def slug(name: str) -> str:
    """Return a name as names collide: without case and accents; every other character is a `-`.

    The server's own slug tells apart more names in other scripts; these are compared as they are.
    """
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter))
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-") if plain.isascii() else name.casefold()


def find_project(api: Api, name: str | None = None) -> Project:
    """Return the project of that name or id; without one the default, or the only one there is.

    Raises:
        CommandFailed: there is none of that name, or several and none is named.
    """
    wanted = name or api.configuration.project
    if wanted and wanted.startswith("proj_"):
        return Project(wanted, wanted)
    projects = all_projects(api)
    if wanted:
        return named(projects, wanted, "project")
    if len(projects) == 1:
        return projects[0]
    if not projects:
        raise CommandFailed("There are no projects yet")
    raise CommandFailed(f"Which project? Name one with --project: {_listed(project.name for project in projects)}")


def all_projects(api: Api) -> list[Project]:
    """Return all projects of the organization, oldest first.

    Raises:
        ProjectsNotListed: the server is too old to list them.
    """
    try:
        found = api.get("projects").get("projects", [])
    except NotOffered as error:
        raise ProjectsNotListed(
            "This server cannot list its projects: give the project's id with --project proj_... or JOBS_PROJECT"
        ) from error
    return [Project(project["id"], project["name"]) for project in found]


def projects_to_search(api: Api, project: str | None) -> list[Project]:
    """Return the project that is named or the default, else all."""
    return [find_project(api, project)] if project or api.configuration.project else all_projects(api)


def named_project(api: Api, project: str | None) -> str | None:
    """Return the id of the project that is named or the default; None for all."""
    return find_project(api, project).id if project or api.configuration.project else None


def jobs_of(api: Api, project: Project) -> list[Answer]:
    """Return all jobs of a project, oldest first."""
    return list(api.pages("projects", project.id, "jobs", items="jobs", page=LARGEST_PAGE))


def find_job(api: Api, name: str, project: str | None = None) -> Answer:
    """Return a job by its id, its name, or `PROJECT/NAME`.

    Raises:
        CommandFailed: there is none, with the nearest name; or there are several, with their projects.
    """
    searched = projects_to_search(api, project)
    if name.startswith("job_") and len(searched) == 1:
        # The text may also be a name.
        with suppress(Refused):
            return api.get("projects", searched[0].id, "jobs", name)
    jobs = [job | {"project": place.name} for place in searched for job in jobs_of(api, place)]
    found = [job for job in jobs if job["id"] == name] or _matching(jobs, name)
    if not found and "/" in name and not project:
        first, _, rest = name.partition("/")
        return find_job(api, rest, first)
    if len(found) == 1:
        return found[0]
    if found:
        places = _listed(f"{job['project']}/{job['name']}" for job in found)
        raise CommandFailed(f"Several jobs are called {name!r}: {places}")
    where = f" in {searched[0].name}" if len(searched) == 1 else ""
    raise CommandFailed(unknown(f"There is no job {name!r}{where}", name, [job["name"] for job in jobs]))


def with_ids(api: Api, project: Project, fields: Answer) -> Answer:
    """Return the fields of a job with ids in `run_after`, where its jobs may be named, each alone or as `job_id`.

    Raises:
        CommandFailed: the project has no such job.
    """
    named = fields.get("run_after")
    if not isinstance(named, list) or not named:
        return fields
    known = jobs_of(api, project)
    return fields | {"run_after": [_predecessor(known, one) for one in named]}


def _predecessor(known: list[Answer], named: Any) -> Any:
    """Return one of `run_after` with its job's id; what is of another form is left for the API to refuse."""
    entry = {"job_id": named} if isinstance(named, str) else named
    name = entry.get("job_id") if isinstance(entry, dict) else None
    if not isinstance(name, str) or any(job["id"] == name for job in known):
        return entry
    found = _matching(known, name)
    if not found:
        raise CommandFailed(unknown(f"run_after: there is no job {name!r}", name, [job["name"] for job in known]))
    return dict(entry, job_id=found[0]["id"])


def find_run(api: Api, name: str, project: str | None = None) -> Answer:
    """Return a run by its id, by the name of its Kubernetes Job, or the latest of the job of that name.

    Raises:
        CommandFailed: there is none.
    """
    if name.startswith("run_"):
        return api.get("runs", name)
    if JOB_NAME.fullmatch(name):
        try:
            run_id = api.get("jobs", name).get("run_id")
        except Refused:
            run_id = None
        if run_id:
            return api.get("runs", run_id)
    job = find_job(api, name, project)
    for run in api.pages("projects", job["project_id"], "runs", items="runs", limit=1, job_id=job["id"]):
        return run
    raise CommandFailed(f"The job {job['name']!r} has no run yet")


def find_token(api: Api, name: str) -> Answer:
    """Return a token by its id, or by its name among those that are not revoked.

    Raises:
        CommandFailed: there is none, or there are several of that name.
    """
    tokens: list[Answer] = api.get("tokens")["tokens"]
    found = [token for token in tokens if token["id"] == name] or [
        token for token in tokens if token.get("name") == name and not token.get("revoked_at")
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise CommandFailed(f"Several tokens are called {name!r}: {_listed(token['id'] for token in found)}")
    known = [token["name"] for token in tokens if token.get("name") and not token.get("revoked_at")]
    raise CommandFailed(unknown(f"There is no token {name!r}", name, known))


def _matching(things: list[Answer], name: str) -> list[Answer]:
    """Return the things of exactly this name, else those whose names would collide with it."""
    return [thing for thing in things if thing["name"] == name] or [
        thing for thing in things if slug(thing["name"]) == slug(name)
    ]


def named(projects: list[Project], name: str, kind: str) -> Project:
    """Return the project of a name; raises CommandFailed with the nearest one, for the `kind` of thing it is."""
    found = _matching([{"name": project.name, "project": project} for project in projects], name)
    if found:
        project: Project = found[0]["project"]
        return project
    raise CommandFailed(unknown(f"There is no {kind} {name!r}", name, [project.name for project in projects]))


def unknown(sentence: str, name: str, known: list[Any]) -> str:
    """Return a sentence about a name that is not there, with the nearest one that is, or with all."""
    near = get_close_matches(name.lower(), {text.lower(): None for text in known}, n=1, cutoff=0.5)
    spelled = next((text for text in known if near and text.lower() == near[0]), None)
    if spelled:
        return f"{sentence}; did you mean {spelled!r}?"
    return f"{sentence}; there are {_listed(known)}" if known else sentence


def _listed(names: Iterable[str], at_most: int = 10) -> str:
    found = list(names)
    more = f" and {len(found) - at_most} more" if len(found) > at_most else ""
    return ", ".join(found[:at_most]) + more
