"""benchmarks/costs.py includes everything in the template that costs money."""

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


def test_an_idle_organization_and_a_thousand_hourly_jobs_cost_what_was_aimed_at() -> None:
    hourly, idle = Jobs(), Jobs(jobs=0, runs_per_month=0, open_part=0)

    parts = costs.runs(hourly) | costs.passes(hourly)
    alone = sum(map(costs.dollars, parts.values()))
    # The aim is 14, events included.
    together = alone + costs.dollars(costs.account_events(hourly, rules=False))
    assert together < 14
    assert f"They cost ${alone:.2f}, and ${together:.2f} with the events" in (ROOT / "docs/scale.md").read_text()
    started = {"GB-second": idle.passes * costs.START_SECONDS * 0.5}
    assert sum(map(costs.dollars, [*costs.passes(idle).values(), started])) < 0.05


def test_the_arithmetic_is_that_of_the_default_parameters(template: Template) -> None:
    environment = template.environment()

    assert (int(environment["PULSE_SECONDS"]), int(environment["IDLE_PULSE_SECONDS"])) == (
        costs.PULSE_SECONDS,
        costs.IDLE_SECONDS,
    )
    mappings = [*template.resources("AWS::Lambda::EventSourceMapping")]
    assert sum(":sqs:" in mapping.properties["EventSourceArn"] for mapping in mappings) == costs.QUEUES
    (of_runs,) = (mapping for mapping in mappings if mapping.logical_id == "PublishEventsFunctionRuns")
    assert of_runs.properties["MaximumBatchingWindowInSeconds"] == costs.RUNS_WINDOW_SECONDS


def test_all_functions_but_those_that_would_cost_too_much_and_the_api_are_traced(template: Template) -> None:
    functions = template.resources("AWS::Lambda::Function")

    untraced = {one.logical_id for one in functions if one.properties["TracingConfig"]["Mode"] != "Active"}
    assert untraced == {"HandlePulseFunction", "PublishEventsFunction", "RestorePulsesFunction"}
    assert [stage.properties["TracingEnabled"] for stage in template.resources("AWS::ApiGateway::Stage")] == [True]


def test_the_endpoints_that_private_functions_need_are_counted() -> None:
    page = (ROOT / "docs/deploy.md").read_text()
    rows = re.findall(r"^\| (`[a-z`, -]+`[^|]*) \|", page.partition("## Private clusters")[2], flags=re.MULTILINE)
    free, paid = rows[0], [name for row in rows[1:] for name in re.findall(r"`([a-z0-9-]+)`", row)]

    assert "free" in free
    assert len(paid) == ENDPOINTS


def test_each_price_is_used() -> None:
    tables = (costs.REQUESTS, costs.FIXED, costs.ELSE, costs.SNAPSTART, costs.runs(Jobs()), costs.passes(Jobs()))
    used = {name for table in tables for use in table.values() for name in use} | set(
        costs.account_events(Jobs(), rules=True)
    )

    assert set(costs.PRICES) == used
