"""Cursors continue after the end of a page, and only in the query that returned them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_api.api import cursors
from jobs_api.errors import InvalidRequest

QUERY = {"project_id": "proj_a", "status": "failed", "job_id": None}


@given(
    position=st.text(st.characters(codec="utf-8"), min_size=1), key=st.text(st.characters(codec="utf-8"), min_size=1)
)
def test_a_cursor_gives_its_position_back(position: str, key: str) -> None:
    assert cursors.read(cursors.sign(position, QUERY, key), QUERY, key) == position


def test_an_absent_filter_is_no_filter() -> None:
    cursor = cursors.sign("here", QUERY, "key")

    assert cursors.read(cursor, {"status": "failed", "project_id": "proj_a"}, "key") == "here"


@pytest.mark.parametrize(
    ("query", "key"),
    [(QUERY | {"status": "success"}, "key"), (QUERY | {"job_id": "job_a"}, "key"), (QUERY, "another")],
)
def test_a_cursor_is_good_for_nothing_else(query: dict[str, str | None], key: str) -> None:
    with pytest.raises(InvalidRequest):
        cursors.read(cursors.sign("here", QUERY, "key"), query, key)


@given(st.text())
def test_an_invented_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidRequest):
        cursors.read(cursor, QUERY, "key")


@given(at=st.integers(0, 200), bit=st.integers(0, 7))
def test_a_cursor_that_was_changed_is_refused(at: int, bit: int) -> None:
    cursor = cursors.sign("2026-04-28T12:00:00.000000Z#run_abc", QUERY, "key")
    place = at % (len(cursor) - 1)
    changed = cursor[:place] + chr(ord(cursor[place]) ^ (1 << bit)) + cursor[place + 1 :]

    with pytest.raises(InvalidRequest):
        cursors.read(changed, QUERY, "key")
