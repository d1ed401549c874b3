"""The filters on the tables' streams let through what is news for the account, and little else."""

import json
from itertools import product
from typing import Any

import pytest
from moto.events.models import EventPattern

from jobs_api.account_events.details import run_news
from jobs_api.model.item_images import Images
from jobs_api.model.run import RunStatus
from local.template import Template
from tests.unit.account_events.test_details import a_run

STATES = (None, *RunStatus)


@pytest.fixture(scope="module")
def of_runs(template: Template) -> list[EventPattern]:
    return _filters(template, "PublishEventsFunctionRuns")


@pytest.fixture(scope="module")
def of_jobs(template: Template) -> list[EventPattern]:
    return _filters(template, "PublishEventsFunctionJobs")


@pytest.mark.parametrize(("before", "after"), [*product(STATES, STATES)])
def test_a_write_that_is_news_gets_through_and_another_does_not(
    of_runs: list[EventPattern], before: RunStatus | None, after: RunStatus | None
) -> None:
    if before is after is None:
        return
    runs = [a_run(status=status) if status else None for status in (before, after)]
    images = {name: {"status": {"S": status.value}} for name, status in _named(before, after) if status}
    record: Any = {"eventName": _event_name(before, after), "dynamodb": images}

    passes = any(pattern.matches_event(record) for pattern in of_runs)

    if list(run_news(Images(*runs))):
        assert passes
    elif before is after or after is None or after is RunStatus.PENDING:
        assert not passes


def _filters(template: Template, mapping_id: str) -> list[EventPattern]:
    mappings = template.resources("AWS::Lambda::EventSourceMapping")
    (filters,) = (
        mapping.properties["FilterCriteria"]["Filters"] for mapping in mappings if mapping.logical_id == mapping_id
    )
    return [EventPattern.load(json.dumps(json.loads(one["Pattern"]))) for one in filters]


@pytest.mark.parametrize(
    ("name", "image", "passes"),
    [
        ("INSERT", {"kind": {"S": "job"}}, True),
        ("MODIFY", {"kind": {"S": "job"}}, True),
        ("REMOVE", {"kind": {"S": "job"}, "last_write": {"S": "slots"}}, True),
        ("MODIFY", {"kind": {"S": "job"}, "last_write": {"S": "slots"}}, False),
        ("MODIFY", {"kind": {"S": "job"}, "last_write": {"S": "sync"}}, False),
        ("MODIFY", {"kind": {"S": "project"}}, False),
        ("INSERT", {"kind": {"S": "past_job"}}, False),
    ],
)
def test_writes_of_syncs_and_slots_to_a_job_do_not_get_through(
    of_jobs: list[EventPattern], name: str, image: dict[str, Any], *, passes: bool
) -> None:
    images = {"OldImage" if name == "REMOVE" else "NewImage": image}
    record: Any = {"eventName": name, "dynamodb": images}

    assert any(pattern.matches_event(record) for pattern in of_jobs) is passes


def _named(before: RunStatus | None, after: RunStatus | None) -> list[tuple[str, RunStatus | None]]:
    return [("OldImage", before), ("NewImage", after)]


def _event_name(before: RunStatus | None, after: RunStatus | None) -> str:
    return "INSERT" if before is None else "REMOVE" if after is None else "MODIFY"
