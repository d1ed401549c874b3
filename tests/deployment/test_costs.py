"""What costs something in the template is in the arithmetic of benchmarks/costs.py."""

import re

import pytest

from benchmarks import costs
from benchmarks.costs import BEYOND, ENDPOINTS, FIRST, Jobs
from local.template import Template
from tests.functions.people import ROOT

MILLION = 1_000_000


@pytest.mark.parametrize(("request_", "traces"), [("read a run", 1), ("change a job", 2)])
def test_the_first_request_of_a_second_is_traced_and_one_in_twenty_beyond(request_: str, traces: int) -> None:
    use = costs.REQUESTS[request_]

    dearer = (costs.dollars(use, FIRST) - costs.dollars(use, BEYOND)) * MILLION
    assert dearer == pytest.approx(traces * 5.00 * 0.95)


def test_each_tick_of_an_organization_is_two_traces_beside_the_ticks_own() -> None:
    load = Jobs(ticks_per_minute=2)

    assert sum(use.get("trace", 0) for use in costs.ticks(load).values()) == 2 * load.ticks == 4 * costs.MINUTES
    assert costs.FIXED["the tick"]["trace"] == costs.MINUTES


def test_all_functions_but_the_one_of_the_streams_and_the_api_are_traced(template: Template) -> None:
    functions = template.resources("AWS::Lambda::Function")

    untraced = {one.logical_id for one in functions if one.properties["TracingConfig"]["Mode"] != "Active"}
    assert untraced == {"PublishEventsFunction"}
    assert [stage.properties["TracingEnabled"] for stage in template.resources("AWS::ApiGateway::Stage")] == [True]


def test_the_endpoints_that_private_functions_need_are_counted() -> None:
    page = (ROOT / "docs/deploy.md").read_text()
    rows = re.findall(r"^\| (`[a-z`, -]+`[^|]*) \|", page.partition("## Private clusters")[2], flags=re.MULTILINE)
    free, paid = rows[0], [name for row in rows[1:] for name in re.findall(r"`([a-z0-9-]+)`", row)]

    assert "free" in free
    assert len(paid) == ENDPOINTS


def test_each_price_is_used() -> None:
    tables = (costs.REQUESTS, costs.FIXED, costs.ELSE, costs.SNAPSTART, costs.runs(Jobs()), costs.ticks(Jobs()))
    used = {name for table in tables for use in table.values() for name in use}

    assert set(costs.PRICES) == used
