"""A page of a list from an index that is read with a filter: a limited number of Queries, and the next position.

DynamoDB applies a filter after it has read, so that a Query may read 1 MB and return nothing. Its `Limit` counts what
is read, not what is returned.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Final

from pynamodb.expressions.condition import Condition

from jobs_api.store.rows import Row

# The most that one request reads: this many Queries, each of this many rows or 1 MB, whichever is less.
QUERIES: Final = 5
ROWS_A_QUERY: Final = 1_000


@dataclass(frozen=True)
class Part[R: Row]:
    """The answer of one Query; `read_up_to` is the position of the last row it read, None where no row follows."""

    rows: list[R]
    read_up_to: str | None


@dataclass(frozen=True)
class Listing[R: Row]:
    """A part of an index, newest first.

    Args:
        index: the index, whose range key is `position`.
        row: the class of its rows.
        key: the partition of the index.
        within: a condition on `position`, None for all.
        filter: the condition that rows must meet.
        selective: whether the filter may leave out many rows in a row. Pages are then read at full size from the start.
    """

    index: Any
    row: type[R]
    key: str
    within: Condition | None
    filter: Condition
    selective: bool

    def parts(self, first: int) -> Iterator[Part[R]]:
        """Yield the rows of one Query after another; stop after `QUERIES` of them, even if rows are left.

        Args:
            first: how many rows the first Query reads if the filter is not selective.
        """
        begin: Any = None
        for size in (ROWS_A_QUERY if self.selective else min(first, ROWS_A_QUERY), *repeat(ROWS_A_QUERY, QUERIES - 1)):
            query = self.index.query(
                self.key,
                range_key_condition=self.within,
                filter_condition=self.filter,
                scan_index_forward=False,
                page_size=size,
                last_evaluated_key=begin,
            )
            read = next(query.page_iter)
            begin = read.get("LastEvaluatedKey")
            yield Part([self.row.from_raw_data(item) for item in read["Items"]], begin and begin["position"]["S"])
            if begin is None:
                return

    def page(self, limit: int) -> tuple[list[R], str | None]:
        """Return up to `limit` rows, and the position from which to continue; None if no more match.

        There may be fewer rows, or none, although more match: then the request has read as much as it may.
        """
        rows: list[R] = []
        read_up_to = None
        for part in self.parts(limit + 1):
            rows += part.rows
            read_up_to = part.read_up_to
            if len(rows) > limit:
                last: Any = rows[limit - 1]
                return rows[:limit], str(last.position)
        return rows, read_up_to
