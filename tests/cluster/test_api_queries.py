"""Any malformed query parameter is a bad request to the cluster."""

from urllib.parse import quote

import pytest
from starlette.requests import Request

from local.cluster.api import query
from local.cluster.errors import BadRequest


def asking(value: str) -> Request:
    return Request({"type": "http", "query_string": f"limit={quote(value)}".encode(), "headers": []})


@pytest.mark.parametrize(
    "value", ["abc", "1.5", "1e3", "\u0663", "\u00b2", "0x10", " 1", "9" * 19 + "9", "9" * 5000, "-"]
)
def test_a_value_that_is_not_a_whole_number_is_a_bad_request(value: str) -> None:
    with pytest.raises(BadRequest) as refused:
        query.whole(asking(value), "limit")
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    ("value", "number"), [("", None), ("0", 0), ("-5", -5), ("+7", 7), (str(2**63 - 1), 2**63 - 1)]
)
def test_a_whole_number_is_read(value: str, number: int | None) -> None:
    assert query.whole(asking(value), "limit") == number
