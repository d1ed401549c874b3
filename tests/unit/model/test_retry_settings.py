"""The fields of a job that say how often, after what and how soon a run is tried again."""

from typing import Any

import pytest

from jobs_api.errors import InvalidRequest
from jobs_api.model.job_settings import JobSettings
from tests.a_project import project

NIGHTLY = {"name": "nightly", "command": "dbt build", "schedule": "0 2 * * *"}


def settings(**fields: Any) -> JobSettings:
    return JobSettings.of({**NIGHTLY, **fields}, project())


def test_nothing_is_tried_again_unless_a_job_says_so() -> None:
    assert (settings().retries, settings().retry_delay_seconds, settings().retry_on) == (0, 60, ["failed", "error"])
    assert settings(retries=None, retry_delay_seconds=None, retry_on=None) == settings()


def test_a_job_from_before_retries_is_not_tried_again() -> None:
    stored = settings().model_dump(mode="json", exclude={"retries", "retry_delay_seconds", "retry_on"})

    assert JobSettings.stored(stored) == settings()


@pytest.mark.parametrize("field", [{"retries": 0}, {"retries": 5}, {"retry_delay_seconds": 0}, {"retry_on": ["error"]}])
def test_the_ends_of_each_range_are_accepted(field: dict[str, Any]) -> None:
    assert settings(**field).model_dump(include=set(field)) == field


def test_an_end_that_is_named_twice_counts_once() -> None:
    assert settings(retry_on=["error", "failed", "error"]).retry_on == ["error", "failed"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("retries", 6),
        ("retries", -1),
        ("retries", "2"),
        ("retries", 1.5),
        ("retries", True),
        ("retry_delay_seconds", 3601),
        ("retry_delay_seconds", -1),
        ("retry_delay_seconds", "60"),
        ("retry_on", []),
        ("retry_on", "failed"),
        ("retry_on", ["cancelled"]),
        ("retry_on", ["success"]),
        ("retry_on", [None]),
    ],
)
def test_a_value_that_breaks_a_rule_is_refused_with_its_field(field: str, value: object) -> None:
    with pytest.raises(InvalidRequest) as refused:
        settings(**{field: value})

    assert [fault.field.partition(".")[0] for fault in refused.value.faults] == [field]
    assert "must" in refused.value.faults[0].message
