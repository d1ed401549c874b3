"""Which job an item of `run_after` in a list of jobs names, by its id or by its name."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from jobs_api.errors import shortened
from jobs_api.model import names


class Unresolved(Exception):
    """An item names no job that the job may run after: its field, and what would be right."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.field = name


@dataclass(frozen=True)
class NamedJobs:
    """The jobs that items of `run_after` may name.

    Args:
        listed: the ids of the jobs in the list, by their slugs.
        present: the ids of the project's jobs, by their slugs.
        new_names: the names that the project's jobs have in the list, by id.
        ids: those of all jobs, in the project and in the list.
        pruned: the ids of those that the request deletes.
    """

    listed: Mapping[str, str]
    present: Mapping[str, str]
    new_names: Mapping[str, str]
    ids: AbstractSet[str]
    pruned: AbstractSet[str]

    def with_id(self, predecessor: Any, own_id: str) -> Any:
        """Return an item of the job `own_id` that has an id in place of a name; return anything else unchanged.

        Raises Unresolved.
        """
        if not isinstance(predecessor, Mapping) or not predecessor.keys() & {"job", "job_id"}:
            return predecessor
        rest = {name: value for name, value in predecessor.items() if name not in {"job", "job_id"}}
        # An answer has the job's id and, for people, its name.
        if predecessor.get("job_id") is not None or "job" not in predecessor:
            field, job_id = "job_id", predecessor["job_id"]
        else:
            field, job_id = "job", self._id_of(predecessor["job"])
        if isinstance(job_id, str) and 0 < len(job_id) <= names.NAME_LENGTH:
            self._check(field, job_id, own_id)
        return {"job_id": job_id, **rest}

    def _id_of(self, name: Any) -> str:
        if not isinstance(name, str):
            raise Unresolved("job", "must be the name of a job, in quotation marks")
        slug = names.slug(name) if len(name) <= names.NAME_LENGTH else ""
        if slug in self.listed:
            return self.listed[slug]
        job_id = self.present.get(slug)
        if job_id is None:
            raise Unresolved("job", f"there is no job {shortened(name)!r} in this list, nor in the project")
        if job_id in self.new_names:
            raise Unresolved("job", f"is renamed in this list; use {shortened(self.new_names[job_id])!r}")
        return job_id

    def _check(self, field: str, job_id: str, own_id: str) -> None:
        if job_id == own_id:
            raise Unresolved(field, "is this job itself, which cannot run after itself")
        if job_id not in self.ids:
            raise Unresolved(field, "is not a job of this project; a job runs after jobs of its own project")
        if job_id in self.pruned:
            raise Unresolved(field, "is deleted by this request, as it is not in the list; list it, or name another")
