"""Pages of runs: what their lists have in common."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from jobs_api.api import cursors
from jobs_api.model.answer_size import count_that_fit
from jobs_api.model.run import Run, RunList

Limit = Annotated[int, Query(ge=1, le=500)]
Cursor = Annotated[str | None, Query(max_length=1024)]
Id = Annotated[str | None, Query(max_length=64)]
JobType = Annotated[str | None, Query(max_length=64)]


def page_of_runs(
    found: tuple[Sequence[Run], str | None],
    position_of: Callable[[Run], str],
    query: Mapping[str, str | None],
    key: str,
) -> RunList:
    """Return as many runs as fit into one answer, at least one, with the cursor to continue from.

    Args:
        found: the runs, and the position up to which was read, None at the end.
        position_of: the position of a run.
        query: what the cursor is valid for.
        key: what signs it.
    """
    runs, position = found
    documents = [run.document() for run in runs]
    shown = count_that_fit(documents)
    if shown < len(runs):
        position = position_of(runs[shown - 1])
    return RunList(runs=documents[:shown], next_cursor=cursors.sign(position, query, key) if position else None)
