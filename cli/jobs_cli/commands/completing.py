"""Completes names in a shell: asks the server, waits only for a moment, and prints no error without an answer."""

import re
from collections.abc import Callable
from typing import Final

import typer

from jobs_cli import configuration, names
from jobs_cli.client import Api
from jobs_cli.errors import CommandFailed

# A person waits for the completion, so it has little time.
ANSWER_SECONDS: Final = 2.0
# Characters that a shell takes literally.
WORD: Final = re.compile(r"[\w.@+-]+")


def job_names(context: typer.Context, incomplete: str) -> list[str]:
    """Return the names of jobs that begin like this, of the project that is named or of all; after `PROJECT/` too."""
    before, slash, beginning = incomplete.rpartition("/")
    project = before if slash else context.params.get("project")

    def found(api: Api) -> list[str]:
        places = names.projects_to_search(api, project)
        return [job["name"] for place in places for job in names.jobs_of(api, place)]

    return [f"{before}{slash}{name}" for name in _beginning(beginning, found)]


def project_names(incomplete: str) -> list[str]:
    """Return the names of projects that begin like this."""
    return _beginning(incomplete, lambda api: [project.name for project in names.all_projects(api)])


def _beginning(beginning: str, found: Callable[[Api], list[str]]) -> list[str]:
    try:
        with Api(configuration.load(), answer_seconds=ANSWER_SECONDS, patience=0) as api:
            words = [_word(name) for name in found(api)]
    except CommandFailed:
        return []
    return sorted({word for word in words if word and word.startswith(beginning)})


def _word(name: str) -> str | None:
    """Return a name as it can be typed without quotation marks: `Nightly Refresh` is `nightly-refresh`."""
    return next((one for one in (name, names.slug(name)) if WORD.fullmatch(one)), None)
