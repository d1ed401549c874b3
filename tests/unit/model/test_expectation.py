"""The rules for `expect` of a job."""

from typing import Any

import pytest

from jobs_api.errors import InvalidRequest
from jobs_api.model.job_settings import JobSettings
from tests.unit.model.test_slots import a_project

PROJECT = a_project()


def settings(expect: Any, **others: Any) -> JobSettings:
    document = {"name": "a", "command": "dbt build", "schedule": "@daily", "expect": expect}
    return JobSettings.of({**document, **others}, PROJECT)


@pytest.mark.parametrize(
    "expect",
    [
        {"finish_by": "07:00", "max_minutes": 45},
        {"finish_by": "00:00"},
        {"finish_by": "23:59"},
        {"max_minutes": 1},
        {"max_minutes": 43_200},
    ],
)
def test_it_comes_back_as_it_was_sent_and_stored(expect: dict[str, Any]) -> None:
    made = settings(expect)

    stored = JobSettings.stored(made.model_dump(mode="json"))

    assert stored == made
    assert stored.model_dump(mode="json")["expect"] == expect


def test_null_expects_nothing() -> None:
    assert settings(None).expect is None
    assert "expect" not in settings(None).model_dump(mode="json")


@pytest.mark.parametrize(
    ("expect", "field", "message"),
    [
        ({}, "expect", "finish_by or max_minutes"),
        ({"finish_by": None, "max_minutes": None}, "expect", "finish_by or max_minutes"),
        ({"finish_by": "7:00"}, "expect.finish_by", "such as 07:00"),
        ({"finish_by": "24:00"}, "expect.finish_by", "00:00 to 23:59"),
        ({"finish_by": "07:00:00"}, "expect.finish_by", "00:00 to 23:59"),
        ({"finish_by": "07:00\n"}, "expect.finish_by", "00:00 to 23:59"),
        ({"finish_by": "\u0660\u0667:\u0660\u0660"}, "expect.finish_by", "00:00 to 23:59"),
        ({"finish_by": 7}, "expect.finish_by", "text"),
        ({"max_minutes": 0}, "expect.max_minutes", "at least 1"),
        ({"max_minutes": 43_201}, "expect.max_minutes", "at most 43200"),
        ({"max_minutes": 1.5}, "expect.max_minutes", "whole number"),
        ({"max_minutes": "45"}, "expect.max_minutes", "whole number"),
        ({"max_minutes": True}, "expect.max_minutes", "whole number"),
        ({"max_minutes": 45, "finish_at": "07:00"}, "expect.finish_at", "did you mean finish_by?"),
        ("07:00", "expect", "object"),
        (["07:00"], "expect", "object"),
    ],
)
def test_anything_else_is_refused_in_words_that_say_what_would_be_right(expect: Any, field: str, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        settings(expect)

    [fault] = caught.value.faults
    assert fault.field == field
    assert message in fault.message


def test_a_wrong_schedule_is_the_only_fault_where_runs_are_to_end_by_a_time() -> None:
    with pytest.raises(InvalidRequest) as caught:
        settings({"finish_by": "07:00"}, schedule="never")

    assert [fault.field for fault in caught.value.faults] == ["schedule"]


def test_a_job_without_a_schedule_has_no_slots_that_could_be_late() -> None:
    others = {"schedule": None, "run_after": [{"job_id": "job_other"}]}

    with pytest.raises(InvalidRequest) as caught:
        settings({"finish_by": "07:00"}, **others)

    assert [fault.field for fault in caught.value.faults] == ["expect"]
    assert settings({"max_minutes": 45}, **others).expect
