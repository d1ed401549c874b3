"""A body is a JSON object in UTF-8: anything else is 400 `invalid_json`, on every endpoint that takes one."""

import codecs
import gzip
from typing import Any

import pytest

from jobs_api import store
from jobs_api.model.project import Project
from tests.functions.people import Person

JOB: dict[str, Any] = {"name": "nightly", "command": "dbt build", "schedule": "@daily"}
STRANGE: list[tuple[str, Any]] = [
    ("a list", '[{"name": "x"}]'),
    ("a list of numbers", "[1]"),
    ("an empty list", "[]"),
    ("a text", '"name"'),
    ("a number", "7"),
    ("a truth", "true"),
    ("null", "null"),
    ("two objects", "{} {}"),
    ("half an object", '{"name": '),
    ("a comment", '{} // ""'),
    ("NaN", '{"description": NaN}'),
    ("infinity", '{"description": -Infinity}'),
    ("a number of 5,000 digits", '{"description": %s}' % ("1" * 5000)),
    ("half a surrogate pair", '{"description": "\\ud800"}'),
    ("a name twice", '{"description": "a", "description": "b"}'),
    ("a name twice, further in", '{"resources": {"limits": {"cpu": "1", "c\\u0070u": "2"}}}'),
    ("nesting without end", '{"resources":' * 10_000),
    ("Latin-1", '{"description": "é"}'.encode("latin-1")),
    ("a byte that no text has", b'{"description": "\xff"}'),
    ("UTF-16", '{"description": "x"}'.encode("utf-16")),
    ("UTF-16 without a mark", '{"description": "x"}'.encode("utf-16-le")),
    ("a byte order mark", codecs.BOM_UTF8 + b"{}"),
    ("what API Gateway makes of bytes that are not UTF-8", '{"description": "\ufffd"}'),
]


@pytest.fixture
def paths(alice: Person, jaffle: Project) -> list[tuple[str, str]]:
    jobs = f"/api/v1/projects/{jaffle.id}/jobs"
    job = f"{jobs}/{alice.call('POST', jobs, JOB).json['id']}"
    return [("POST", jobs), ("PUT", job), ("POST", f"{job}/trigger")]


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in STRANGE])
def test_a_body_that_is_not_a_json_object_is_refused_everywhere(
    alice: Person, jaffle: Project, paths: list[tuple[str, str]], body: str | bytes
) -> None:
    for method, path in paths:
        answer = alice.call(method, path, body)
        assert (answer.status, answer.json["code"]) == (400, "invalid_json"), (method, path, answer.text)
        assert "JSON object" in answer.json["message"]
    assert len(store.list_jobs(jaffle.organization_id, jaffle.id)[1]) == 1


def test_a_name_that_comes_twice_is_named(alice: Person, paths: list[tuple[str, str]]) -> None:
    answer = alice.call("POST", paths[0][1], '{"name": "a", "name": "b"}')

    assert answer.json["message"] == "The body must be a JSON object: 'name' stands in one object twice"


@pytest.mark.parametrize(
    ("body", "headers", "message"),
    [
        pytest.param("", {}, "The body must be a JSON object, such as {}, and is empty", id="nothing"),
        pytest.param(codecs.BOM_UTF8 + b"{}", {}, "without a byte order mark before it", id="a byte order mark"),
        pytest.param("\ufeff{}", {}, "without a byte order mark before it", id="a byte order mark in a text"),
        pytest.param(gzip.compress(b"{}"), {"Content-Encoding": "gzip"}, "send it uncompressed", id="gzip"),
    ],
)
def test_an_almost_correct_body_is_refused_with_what_would_be_right(
    alice: Person, paths: list[tuple[str, str]], body: str | bytes, headers: dict[str, str], message: str
) -> None:
    answer = alice.call(*paths[1], body, headers=headers)

    assert (answer.status, answer.json["code"]) == (400, "invalid_json")
    assert message in answer.json["message"]


def test_a_text_in_base64_is_read_as_any_other(alice: Person, paths: list[tuple[str, str]]) -> None:
    changed = alice.call(*paths[1], '{"description": "für später"}'.encode())

    assert changed.json["description"] == "für später"


def test_the_replacement_character_in_a_valid_body_is_kept(alice: Person, paths: list[tuple[str, str]]) -> None:
    assert alice.call(*paths[1], '{"description": "\\ufffd"}').json["description"] == "\ufffd"
