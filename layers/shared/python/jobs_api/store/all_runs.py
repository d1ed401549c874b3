"""A list of the runs of several projects, newest first: the indexes of the projects, merged.

A table takes one new index in a release, and every index makes every write of a run dearer; so there is none by
organization.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from jobs_api.model.run import Run
from jobs_api.model.run_filter import RunFilter
from jobs_api.store.caused_runs import list_caused_runs
from jobs_api.store.rows import TABLE_CONNECTIONS
from jobs_api.store.run_items import position_of
from jobs_api.store.run_lists import list_runs

# The most reads of one project's list for a page; each makes at most `pages.QUERIES` Queries.
ROUNDS: Final = 3
LEAST_READ: Final = 10


@dataclass
class _Project:
    """How far a project's list is read: `position` is where it continues, and `done` that it has ended."""

    id: str
    indexed: bool
    position: str | None
    found: list[Run] = field(default_factory=list)
    done: bool = False

    def read(self, organization_id: str, wanted: RunFilter, limit: int) -> None:
        """Read the next page of the project's runs."""
        runs, position = list_runs(
            organization_id, self.id, wanted, limit=limit, before=self.position, indexed=self.indexed
        )
        self.found += runs
        self.position, self.done = position or self.position, position is None


def list_all_runs(
    organization_id: str, projects: Mapping[str, bool], wanted: RunFilter, *, limit: int, before: str | None
) -> tuple[list[Run], str | None]:
    """Return up to `limit` runs, older than the position `before`; and the position to continue from, None at the end.

    A page may be shorter, or empty, but then still has a position. Each project is read at least once for each page,
    unless the filters name a job or an open status, for which the organization's own indexes are enough, or the run
    that started those of the list.

    Args:
        organization_id: the organization.
        projects: its projects, and whether all their ended runs are in the index `ended_runs`.
        wanted: the filters.
        limit: at least 1.
        before: the position at which an earlier page ended.
    """
    if wanted.caused_by:
        runs, position = list_caused_runs(organization_id, None, wanted, limit=limit, before=before)
        return [run for run in runs if run.project_id in projects], position
    if wanted.job_id or (wanted.status and not wanted.status.ended):
        runs, position = list_runs(organization_id, None, wanted, limit=limit, before=before)
        return [run for run in runs if run.project_id in projects], position
    read = [_Project(project_id, indexed, before) for project_id, indexed in projects.items()]
    share = min(limit, max(LEAST_READ, 2 * limit // max(len(read), 1)))
    due = read
    with ThreadPoolExecutor(TABLE_CONNECTIONS) as pool:
        for _ in range(ROUNDS):
            list(pool.map(lambda one: one.read(organization_id, wanted, share), due))
            due = _due(read, limit)
            if not due:
                break
    return _page(read, limit)


def _due(projects: Iterable[_Project], limit: int) -> list[_Project]:
    """Return the projects that may still have one of the newest `limit` runs."""
    found = _newest_first(projects)
    oldest = position_of(found[limit - 1]) if len(found) >= limit else ""
    return [one for one in projects if not one.done and (one.position or "") > oldest]


def _page(projects: list[_Project], limit: int) -> tuple[list[Run], str | None]:
    """Return the newest runs, as far as all projects are read."""
    read_up_to = max((one.position or "" for one in projects if not one.done), default=None)
    found = [run for run in _newest_first(projects) if read_up_to is None or position_of(run) >= read_up_to]
    if len(found) > limit:
        return found[:limit], position_of(found[limit - 1])
    return found, read_up_to


def _newest_first(projects: Iterable[_Project]) -> list[Run]:
    return sorted((run for one in projects for run in one.found), key=position_of, reverse=True)
