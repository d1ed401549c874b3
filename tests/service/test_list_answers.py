"""A list is read object by object, for any form of JSON and any split into pieces."""

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs_api.cluster import lists
from jobs_api.cluster.lists import ListAnswer
from jobs_api.errors import ClusterUnavailable

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    # Enough objects that a piece may end anywhere in one; most of the test's time goes into drawing them.
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(), JSON, max_size=4)


def answer(document: Any, indent: int | None = None, *, ascii_only: bool = False) -> bytes:
    return json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")


class Pieces(io.BytesIO):
    """A file that gives less than it is asked for, and counts how much is asked of it."""

    asked = 0

    def __init__(self, content: bytes, size: int) -> None:
        super().__init__(content)
        self._size = size

    def read(self, size: int | None = -1) -> bytes:
        self.asked += 1
        return super().read(min(self._size, size or 0))


@settings(deadline=None)
@given(
    st.lists(OBJECTS),
    st.text(st.characters(codec="utf-8")),
    st.sampled_from([None, 0, 3]),
    st.integers(1, 40),
    st.permutations(["kind", "metadata", "items"]),
    st.sampled_from(["escaped", "as it is"]),
)
def test_all_items_are_read_unchanged(
    items: list[dict[str, Any]], token: str, indent: int | None, size: int, order: list[str], plain: str
) -> None:
    whole = {"kind": "JobList", "metadata": {"resourceVersion": "1", "continue": token}, "items": items}
    text = json.dumps({name: whole[name] for name in order}, indent=indent, ensure_ascii=plain == "escaped")
    read = ListAnswer(Pieces(text.encode("utf-8", "replace"), size))

    assert list(read) == json.loads(text.encode("utf-8", "replace"))["items"]
    assert read.token == token


@pytest.mark.parametrize("items", [None, []])
def test_a_list_of_nothing_has_no_items(items: list[Any] | None) -> None:
    read = ListAnswer(io.BytesIO(answer({"metadata": {}, "items": items})))

    assert list(read) == []
    assert read.token == ""


@settings(deadline=None)
@given(st.lists(OBJECTS, min_size=1, max_size=3), st.data())
def test_an_answer_that_breaks_off_is_never_taken_for_whole(items: list[dict[str, Any]], data: st.DataObject) -> None:
    content = answer({"metadata": {}, "items": items}, ascii_only=True)
    end = data.draw(st.integers(0, len(content) - 1))

    with pytest.raises(ClusterUnavailable):
        list(ListAnswer(io.BytesIO(content[:end])))


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b"[1]", b"null", b'{"items": [1, }', b'{"metadata": 3, "items": []}']
)
def test_an_answer_that_is_not_a_list_is_an_unreachable_cluster(content: bytes) -> None:
    with pytest.raises(ClusterUnavailable):
        list(ListAnswer(io.BytesIO(content)))


def test_a_large_object_costs_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "LIST_CHUNK_BYTES", 16)
    asked = []
    for size in (10_000, 1_000_000):
        body = Pieces(answer({"metadata": {}, "items": [{"text": "x" * size}]}), 1 << 30)
        assert len(list(ListAnswer(body))) == 1
        asked.append(body.asked)

    # Each read is twice as long as the one before, so a list of a hundred times the size takes seven more reads.
    assert asked[1] - asked[0] <= 8
