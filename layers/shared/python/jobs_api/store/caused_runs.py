"""The runs that the end of another run started. That run has their ids, so that they are found however old it is."""

from jobs_api.errors import RunNotFound
from jobs_api.model.run import Run
from jobs_api.model.run_filter import RunFilter
from jobs_api.store.run_items import position_of
from jobs_api.store.runs import find_runs, get_run


def list_caused_runs(
    organization_id: str, project_id: str | None, wanted: RunFilter, *, limit: int, before: str | None
) -> tuple[list[Run], str | None]:
    """Return up to `limit` runs that `wanted.caused_by` started, as `list_runs` does.

    One GetItem, then one BatchGetItem per 100 runs. A run that nobody knows, or that has expired, has started none.
    """
    try:
        cause = get_run(organization_id, wanted.caused_by or "", kept_at=wanted.kept_at)
    except RunNotFound:
        return [], None
    found = [
        run
        for run in find_runs(organization_id, cause.caused_runs, kept_at=wanted.kept_at).values()
        if wanted.has(run) and project_id in {None, run.project_id} and (before is None or position_of(run) < before)
    ]
    found.sort(key=position_of, reverse=True)
    return found[:limit], position_of(found[limit - 1]) if len(found) > limit else None
