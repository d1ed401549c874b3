"""Pages out of an index with a filter, over an index that ends its Queries as DynamoDB does."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_api.store import pages
from jobs_api.store.pages import Listing
from jobs_api.store.run_rows import RunRow


@dataclass
class Index:
    """Rows by their position, some of which match.

    A Query stops after `page_size` rows or `room` of them, DynamoDB's 1 MB, and has a LastEvaluatedKey then, even where
    no row follows: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html
    """

    matching: dict[int, bool]
    room: int
    queries: int = 0
    changed: Callable[[], None] = field(default=lambda: None)

    def query(self, key: str, **asked: Any) -> Any:
        """Answer as an index of PynamoDB."""
        assert (key, asked["scan_index_forward"]) == ("key", False)
        self.queries += 1
        below = [number(bound) for bound in (asked["range_key_condition"], at(asked["last_evaluated_key"])) if bound]
        rows = [row for row in sorted(self.matching, reverse=True) if all(row < bound for bound in below)]
        read = rows[: min(asked["page_size"], self.room)]
        full = len(read) == min(asked["page_size"], self.room)
        answer = {"Items": [item(row) for row in read if self.matching[row]]}
        self.changed()
        return Asked(iter([answer | ({"LastEvaluatedKey": item(read[-1])} if full and read else {})]))


@dataclass
class Asked:
    page_iter: Iterator[Any]


def item(row: int) -> dict[str, Any]:
    return {"run_id": {"S": f"{row}"}, "position": {"S": f"{row:06d}"}}


def at(key: Any) -> str | None:
    return str(key["position"]["S"]) if key else None


def number(position: str) -> int:
    return int(position)


def page_of(index: Index, before: str | None, limit: int, *, selective: bool) -> tuple[list[int], str | None]:
    within: Any = before
    listing = Listing(index, RunRow, "key", within, RunRow.status == "failed", selective=selective)
    rows, position = listing.page(limit)
    return [int(row.run_id) for row in rows], position


@pytest.fixture(autouse=True)
def small_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "ROWS_A_QUERY", 4)
    monkeypatch.setattr(pages, "QUERIES", 3)


def all_pages(index: Index, limit: int, *, selective: bool) -> list[list[int]]:
    found, before = [], None
    while True:
        queries = index.queries
        rows, position = page_of(index, before, limit, selective=selective)
        found.append(rows)
        assert 1 <= index.queries - queries <= 3
        assert len(rows) <= limit
        if position is None:
            return found
        assert before is None or position < before, "a client would be sent around in a circle"
        before = position


@given(
    matching=st.lists(st.booleans(), max_size=60),
    room=st.integers(1, 6),
    limit=st.integers(1, 7),
    selective=st.booleans(),
)
def test_the_pages_hold_each_match_once_newest_first_and_come_to_an_end(
    *, matching: list[bool], room: int, limit: int, selective: bool
) -> None:
    found = all_pages(Index(dict(enumerate(matching)), room), limit, selective=selective)

    expected = [row for row, matches in reversed(list(enumerate(matching))) if matches]
    assert [row for page in found for row in page] == expected


@given(matching=st.lists(st.booleans(), min_size=1, max_size=40), limit=st.integers(1, 5), data=st.data())
def test_rows_that_come_or_change_between_pages_take_nothing_from_those_that_stay(
    matching: list[bool], limit: int, data: st.DataObject
) -> None:
    """Newer rows come, and rows begin or cease to match; what matches all the time is given once, nothing twice."""
    index = Index(dict(enumerate(matching)), room=6)
    stable = {row for row, matches in index.matching.items() if matches}

    def change() -> None:
        index.matching[max(index.matching) + 1] = data.draw(st.booleans())
        changed = data.draw(st.integers(0, len(matching) - 1))
        index.matching[changed] = not index.matching[changed]
        stable.discard(changed)

    index.changed = change

    found = [row for page in all_pages(index, limit, selective=True) for row in page]

    assert len(found) == len(set(found))
    assert stable <= set(found)


def test_a_page_that_is_full_says_whether_there_is_more() -> None:
    index = Index(dict.fromkeys(range(3), True), room=9)

    assert page_of(index, None, 3, selective=False) == ([2, 1, 0], None)
    assert page_of(index, None, 2, selective=False) == ([2, 1], "000001")


def test_a_page_that_found_nothing_says_how_far_it_has_read() -> None:
    index = Index(dict.fromkeys(range(20), False), room=9)

    assert page_of(index, None, 1, selective=True) == ([], "000008")
