"""Reads `jobs.yml`: projects with their jobs, defaults for all of them, and values from the environment.

    defaults: {timezone: Europe/Berlin}
    projects:
      jaffle:
        defaults: {environment: {TARGET: prod}}
        jobs:
          - name: nightly
            command: dbt build
            schedule: "0 2 * * *"

A file for one project may have `project: jaffle` and `jobs` at its top instead of `projects`.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from jobs_cli import input_text
from jobs_cli.as_code import yaml_file
from jobs_cli.as_code.yaml_file import Place, YamlFile
from jobs_cli.errors import CommandFailed, FieldFault

FILE: Final = "jobs.yml"
TOP: Final = ("defaults", "projects", "project", "jobs")
OF_A_PROJECT: Final = ("defaults", "jobs")
# The first form, `$${`, stands for a literal `${`, whatever follows.
VARIABLE: Final = re.compile(r"\$\$\{|\$\{([^}]*)\}")
NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
FAULTY_JOB: Final = re.compile(r"jobs\[(\d+)\]\.?(.*)", re.DOTALL)
OTHER_JOB: Final = re.compile(r"jobs\[(\d{1,6})\]")
MOST_FAULTS: Final = 50


@dataclass(frozen=True)
class ListedProject:
    """A project of the file: `jobs` as the API takes them, and for each the places of its fields in the file."""

    name: str
    jobs: Sequence[Mapping[str, Any]]
    places: Sequence[Mapping[str, Place]]
    file: YamlFile

    def faults_in_file(self, faults: Sequence[FieldFault]) -> list[str]:
        """Return the API's faults with the lines of the file, in their order, and the names of their jobs."""
        return [text for _, text in sorted(map(self._in_file, faults), key=lambda line_and_text: line_and_text[0])]

    def _in_file(self, fault: FieldFault) -> tuple[int, str]:
        found = FAULTY_JOB.fullmatch(fault.field)
        if not found or int(found[1]) >= len(self.jobs):
            return 0, f"{self.file.name}: {self.name}: {fault.field}: {fault.message}"
        at, field = int(found[1]), found[2]
        parts: list[str | int] = [int(part) if part.isdecimal() else part for part in field.split(".")]
        places = self.places[at]
        place = (*places.get(str(parts[0]), places[""]), *parts[1:])
        message = OTHER_JOB.sub(self._other_job, fault.message)
        if field == "command" and str(self.jobs[at].get(field)).endswith("\n"):
            message += "; in YAML, >- leaves out the line break at the end"
        job = self.jobs[at].get("name", f"jobs[{at}]")
        told = f"{self.name}/{job}: {field}: {message}" if field else f"{self.name}/{job}: {message}"
        return self.file.line_of(place), self.file.fault(place, told)

    def _other_job(self, found: "re.Match[str]") -> str:
        """Return the name and the line of a job that the API calls by its place in the list."""
        at = int(found[1])
        if at >= len(self.jobs):
            return found[0]
        return f"{self.jobs[at].get('name')!r} in line {self.file.line_of(self.places[at][''])}"


def load(name: str = FILE) -> list[ListedProject]:
    """Read a file, `-` for standard input.

    Raises:
        CommandFailed: there is none, it is no YAML, or not what this page says; with every line that is wrong.
    """
    try:
        text = input_text.text_of(name)
    except CommandFailed as error:
        if not isinstance(error.__cause__, FileNotFoundError):
            raise
        hint = f"write one, or begin with what there is: jobs-api import > {FILE}"
        raise CommandFailed(f"There is no {name}; {hint}") from error
    return parse(text, input_text.name_of(name))


def parse(text: str, name: str) -> list[ListedProject]:
    """Read the text of a file; raises what `load` raises."""
    reading = _Reading(yaml_file.read(text, name))
    projects = reading.projects()
    if reading.faults:
        more = len(reading.faults) - MOST_FAULTS
        shown = reading.faults[:MOST_FAULTS] + ([f"and {more} more"] if more > 0 else [])
        raise CommandFailed("\n".join(shown))
    return projects


class _Reading:
    """Makes projects of a file, and collects what is wrong."""

    def __init__(self, file: YamlFile) -> None:
        self.file = file
        self.faults: list[str] = []

    def projects(self) -> list[ListedProject]:
        """Return the projects in the order of the file."""
        content = self.file.content
        if not isinstance(content, dict):
            self._blame((), "the file must be a mapping with projects, or with project and jobs")
            return []
        self._check_keys(content, (), TOP)
        common = self._mapping(content.get("defaults"), ("defaults",))
        if "project" in content or "jobs" in content:
            return self._only_project(content, common)
        projects = self._mapping(content.get("projects"), ("projects",))
        if not projects and not self.faults:
            self._blame(("projects",), "the file has no projects; write projects: {NAME: {jobs: [...]}}")
        found = []
        for name, project in projects.items():
            place: Place = ("projects", name)
            own_content = self._mapping(project, place)
            self._check_keys(own_content, place, OF_A_PROJECT)
            own = self._mapping(own_content.get("defaults"), (*place, "defaults"))
            defaults = _Defaults([(("defaults",), common), ((*place, "defaults"), own)])
            found.append(self._project(name, own_content, place, defaults))
        return found

    def _only_project(self, content: dict[str, Any], common: dict[str, Any]) -> list[ListedProject]:
        name = content.get("project")
        if not isinstance(name, str):
            self._blame(("project",), "project must be the name or the id of the project whose jobs these are")
            return []
        if "projects" in content:
            self._blame(("projects",), "give either project and jobs, or projects")
        return [self._project(name, content, (), _Defaults([(("defaults",), common)]))]

    def _project(self, name: str, content: dict[str, Any], place: Place, defaults: "_Defaults") -> ListedProject:
        listed = content.get("jobs")
        at_jobs: Place = (*place, "jobs")
        if not isinstance(listed, list):
            self._blame(at_jobs, f"{name}: jobs must be a list, each with - name: ...; write [] for none")
            listed = []
        jobs, places = [], []
        for at, job in enumerate(listed):
            at_job: Place = (*at_jobs, at)
            if not isinstance(job, dict):
                self._blame(at_job, "a job must be a mapping with name, command and schedule")
                continue
            fields, its_places = defaults.filled(job, at_job)
            jobs.append({field: self._with_values(value, its_places[field]) for field, value in fields.items()})
            places.append({**its_places, "": at_job})
        return ListedProject(name, jobs, places, self.file)

    def _with_values(self, value: Any, place: Place) -> Any:
        """Return a value with those of the environment in it."""
        if isinstance(value, dict):
            return {key: self._with_values(one, (*place, key)) for key, one in value.items()}
        if isinstance(value, list):
            return [self._with_values(one, (*place, at)) for at, one in enumerate(value)]
        if not isinstance(value, str) or "${" not in value:
            return value
        return VARIABLE.sub(lambda found: self._variable(found, place), value)

    def _variable(self, found: "re.Match[str]", place: Place) -> str:
        name = found[1]
        if name is None:
            return "${"
        if not NAME.fullmatch(name):
            self._blame(place, f"${{{name}}} names no variable; write $${{ for a ${{ that stays")
            return ""
        if name not in os.environ:
            self._blame(place, f"{name} is not set in the environment of this command; set it, or write $${{ for a ${{")
            return ""
        return os.environ[name]

    def _mapping(self, value: Any, place: Place) -> dict[str, Any]:
        if value is None:
            return {}
        if not isinstance(value, dict):
            self._blame(place, f"{place[-1]} must be a mapping")
            return {}
        return value

    def _check_keys(self, content: Mapping[str, Any], place: Place, allowed: Sequence[str]) -> None:
        for key in content:
            if key not in allowed:
                near = get_close_matches(key, allowed, n=1)
                hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(allowed)}"
                self._blame((*place, key), f"{key!r} is not known here; {hint}")

    def _blame(self, place: Place, message: str) -> None:
        fault = self.file.fault(place, message)
        if fault not in self.faults:
            self.faults.append(fault)


class _Defaults:
    """Fields that jobs have where they say nothing; of the environment each variable."""

    def __init__(self, layers: Sequence[tuple[Place, Mapping[str, Any]]]) -> None:
        self._layers = layers

    def filled(self, job: Mapping[str, Any], at_job: Place) -> tuple[dict[str, Any], dict[str, Place]]:
        """Return a job with the defaults, and where each of its fields stands in the file."""
        fields: dict[str, Any] = {}
        places: dict[str, Place] = {}
        for place, layer in (*self._layers, (at_job, job)):
            for field, value in layer.items():
                fields[field] = _merged(fields.get(field), value) if field == "environment" else value
                places[field] = (*place, field)
        return fields, places


def _merged(before: Any, value: Any) -> Any:
    return {**before, **value} if isinstance(before, dict) and isinstance(value, dict) else value
