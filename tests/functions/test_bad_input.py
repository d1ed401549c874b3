"""Hostile input: every endpoint answers it in the API's shape, with a bounded answer."""

import json
from typing import Any

import pytest

from jobs_api.model.project import Project
from tests.functions.people import Answer, Person

# The largest answer that API Gateway accepts from a function, less what the envelope around the body may need.
MOST_BYTES = 5_000_000
JOB: dict[str, Any] = {"name": "nightly", "command": "dbt build", "schedule": "@daily"}


def refused(answer: Answer, status: int) -> Answer:
    assert answer.status == status, answer.text
    assert {"message", "code", "request_id"} <= answer.json.keys()
    return answer


@pytest.mark.parametrize(
    "faulty",
    [
        {f"{number:x}": 1 for number in range(25_000)},
        {"environment": {f"-{number:x}": 1 for number in range(20_000)}},
        {"resources": {"limits": {f"{number:x}": 1 for number in range(20_000)}}},
        {"webhook_headers": {f"{number:x}": 1 for number in range(20_000)}},
        {"webhook_events": ["x"] * 60_000},
        {"k" * 200_000: 1},
        {"environment": {"-" * 250_000: "x"}},
        {"environment": {f"{number}{'-' * 900}": "x" for number in range(250)}},
        {"environment": {"A": {"b" * 250_000: 1}}},
        {"resources": {"limits": {"k" * 250_000: "1"}}},
        {"resources": {"limits": {"memory": "9" * 250_000}}},
        {"webhook_headers": {"k" * 250_000: "x\n"}},
        {"webhook_url": "https://" + "a" * 250_000},
        {"webhook_events": ["x" * 250_000]},
        {"schedule": "* " * 120_000},
        {"schedule": "x" * 250_000},
        {"timezone": "x" * 250_000},
        {"command": "x" * 250_000},
        {"command": "dbt " + "x" * 4_000},
        {"slack_channel": "#" * 250_000},
        {"name": "x" * 250_000},
    ],
    ids=lambda faulty: str(faulty)[:40],
)
def test_a_body_of_nothing_but_faults_gets_an_answer_that_fits(
    alice: Person, jaffle: Project, faulty: dict[str, Any]
) -> None:
    body = json.dumps(JOB | faulty, separators=(",", ":"))

    answer = refused(alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs", body), 422)

    assert 0 < len(answer.json["errors"]) <= 200
    assert len(answer.text) < 50_000
    assert all(len(field) < 200 for field in answer.faulty_fields)


def test_every_fault_of_a_body_that_a_person_wrote_is_named(alice: Person, jaffle: Project) -> None:
    names = {f"-{number}": "x" for number in range(100)}

    answer = refused(alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs", {**JOB, **names}), 422)

    assert sorted(answer.faulty_fields) == sorted(names)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"name": 5}, {"field": "name", "message": "must be a text in quotation marks"}),
        ({"environment": []}, {"field": "environment", "message": "must be an object"}),
        ({"environment": {"A": 1}}, {"field": "environment.A", "message": "must be a text in quotation marks"}),
        ({"webhook_headers": "x"}, {"field": "webhook_headers", "message": "must be an object"}),
        ({"webhook_events": "success"}, {"field": "webhook_events", "message": "must be a list"}),
        ({"webhook_events": []}, {"field": "webhook_events", "message": "must have at least 1 in the list"}),
        ({"enabled": 1}, {"field": "enabled", "message": "must be true or false"}),
        ({"retries": "2"}, {"field": "retries", "message": "must be a whole number"}),
        ({"retries": 2.5}, {"field": "retries", "message": "must be a whole number"}),
        ({"retries": -1}, {"field": "retries", "message": "must be at least 0"}),
        ({"retries": 6}, {"field": "retries", "message": "must be at most 5"}),
        (
            {"expect": {"finishby": "07:00"}},
            {"field": "expect.finishby", "message": "is not a field of this object; did you mean finish_by?"},
        ),
        (
            {"run_after": [{"job_id": "job_abc", "onn": ["success"]}]},
            {"field": "run_after.0.onn", "message": "is not a field of this object; did you mean on?"},
        ),
    ],
)
def test_an_error_about_a_type_uses_the_words_of_json(
    alice: Person, jaffle: Project, fields: dict[str, Any], fault: dict[str, str]
) -> None:
    answer = refused(alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs", JOB | fields), 422)

    assert [error for error in answer.json["errors"] if error["field"] == fault["field"]] == [fault]


def test_a_value_of_a_wrong_type_hides_no_other_fault_of_its_object(alice: Person, jaffle: Project) -> None:
    fields = {
        "webhook_url": "https://example.com/hook",
        "environment": {"A": 1, "B": None, "PATH": "x", "C-D": 5, "RIGHT": "x"},
        "webhook_headers": {"X-A": 5, "Host": "x", "Content-Type": "x", "X B": "x", "X-C": "a\nb", "X-Right": "x"},
    }

    answer = refused(alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs", JOB | fields), 422)

    assert sorted(answer.faulty_fields) == [
        *("environment", "environment.A", "environment.B", "environment.C-D", "environment.PATH"),
        *["webhook_headers"] * 4,
        "webhook_headers.X-A",
    ]


def test_a_wrong_variable_hides_no_other_in_a_trigger(alice: Person, jaffle: Project) -> None:
    job = alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs", JOB).json["id"]

    answer = alice.call(
        "POST", f"/api/v1/projects/{jaffle.id}/jobs/{job}/trigger", {"environment": {"A": 1, "PATH": "x"}}
    )

    assert sorted(refused(answer, 422).faulty_fields) == ["environment.A", "environment.PATH"]


@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [
        ("limit", "many", "must be a whole number"),
        ("limit", "1.5", "must be a whole number"),
        ("limit", "0", "must be at least 1"),
        ("limit", "501", "must be at most 500"),
        ("limit", ["5", "6"], "is given more than once; give it once"),
        ("status", ["failed", "success"], "is given more than once; give it once"),
        ("updated_after", "2026-02-30T00:00:00Z", "names a day or a time of day that does not exist"),
        ("updated_after", "2026-02-03T24:00:00Z", "names a day or a time of day that does not exist"),
        ("updated_after", "2026-02-03T00:61:00+01:00", "names a day or a time of day that does not exist"),
    ],
)
def test_an_error_of_a_query_says_what_would_be_right(
    alice: Person, jaffle: Project, parameter: str, value: str | list[str], message: str
) -> None:
    answer = alice.call("GET", f"/api/v1/projects/{jaffle.id}/runs", query={parameter: value})

    [fault] = refused(answer, 422).json["errors"]
    assert fault["field"] == parameter
    assert fault["message"].startswith(message)


@pytest.mark.parametrize(
    "time", ["0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "1969-12-31T23:59:59Z"]
)
def test_a_time_that_no_run_can_have_is_refused(alice: Person, jaffle: Project, time: str) -> None:
    answer = alice.call("GET", f"/api/v1/projects/{jaffle.id}/runs", query={"updated_after": time})

    assert refused(answer, 422).faulty_fields == ["updated_after"]


def test_the_error_for_a_time_without_its_plus_explains_the_url_encoding(alice: Person, jaffle: Project) -> None:
    answer = alice.call(
        "GET", f"/api/v1/projects/{jaffle.id}/runs", query={"updated_after": "2026-01-01T00:00:00 02:00"}
    )

    [fault] = refused(answer, 422).json["errors"]
    assert "%2B" in fault["message"]


@pytest.mark.parametrize("path", ["projects/{}/jobs", "projects/{}/runs", "runs/{}", "runs/{}/logs"])
def test_an_endless_id_is_shortened_in_the_answer(alice: Person, path: str) -> None:
    answer = refused(alice.call("GET", f"/api/v1/{path.format('x' * 65_536)}"), 404)

    assert len(answer.text) < 400


@pytest.mark.parametrize(
    "parameter", ["status", "job_id", "job_type", "triggered_by", "updated_after", "limit", "cursor"]
)
@pytest.mark.parametrize("value", ["x" * 200_000, "9" * 200_000, "\0", "é", "-1", "1e9", "٣"])
def test_a_long_query_parameter_is_never_repeated_in_full(
    alice: Person, jaffle: Project, parameter: str, value: str
) -> None:
    answer = alice.call("GET", f"/api/v1/projects/{jaffle.id}/runs", query={parameter: value})

    assert answer.status in {200, 422}
    assert len(answer.text) < 2_000


@pytest.mark.parametrize("header", ["Idempotency-Key", "X-Organization-ID"])
def test_a_long_header_is_never_repeated_in_full(alice: Person, jaffle: Project, header: str) -> None:
    answer = alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs", JOB, headers={header: "x" * 9_000})

    assert answer.status in {403, 422}
    assert len(answer.text) < 2_000
