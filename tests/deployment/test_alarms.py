"""Alarms go off soon enough, not without a reason, and at the price in docs/scale.md."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks import costs
from functions.restore_pulses import app as restore_pulses
from jobs_api.metrics import Metric
from local.gateway.definition import definition_of
from local.template import Template
from tests.deployment.conftest import with_parameters
from tests.permissions import template_grants
from tests.permissions.needed_actions import Asked

# The most metrics that an alarm on a metric math expression may have.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html
MOST_METRICS = 10


TOPIC = "arn:aws:sns:us-east-1:123456789012:alarms"


@pytest.fixture(scope="module")
def topic() -> Template:
    """The stack with somebody who listens."""
    return with_parameters(AlarmTopicArn=TOPIC)


def alarms(template: Template) -> dict[str, dict[str, Any]]:
    return {
        alarm.logical_id.removesuffix("Alarm"): alarm.properties
        for alarm in template.resources("AWS::CloudWatch::Alarm")
    }


def metrics(alarm: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield an alarm's metrics: namespace, name and dimensions."""
    if "MetricName" in alarm:
        yield alarm["Namespace"], alarm["MetricName"], _dimensions(alarm)
    for query in alarm.get("Metrics", []):
        if "MetricStat" in query:
            metric = query["MetricStat"]["Metric"]
            yield metric["Namespace"], metric["MetricName"], _dimensions(metric)


def _dimensions(metric: dict[str, Any]) -> dict[str, str]:
    return {dimension["Name"]: dimension["Value"] for dimension in metric.get("Dimensions", [])}


def rings_after_minutes(alarm: dict[str, Any]) -> float:
    """Return how long a fault has to last until an alarm rings."""
    period = alarm.get("Period") or max(query["MetricStat"]["Period"] for query in alarm["Metrics"][1:])
    return float(period * alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]) / 60)


def names(template: Template, kind: str) -> dict[str, str]:
    """Return the logical ids of resources by their names."""
    return {resource.name: resource.logical_id for resource in template.resources(kind)}


def test_no_alarm_rings_before_the_first_tick_of_a_new_stack(template: Template) -> None:
    """An alarm is made in the state INSUFFICIENT_DATA and tells nobody before it changes, as `breaching` would."""
    treated = {name: alarm["TreatMissingData"] for name, alarm in alarms(template).items()}

    assert treated.pop("Silent") == "missing"
    assert set(treated.values()) == {"notBreaching"}


def test_missing_ticks_ring_the_alarm_silent_after_fifteen_minutes(topic: Template) -> None:
    silent = alarms(topic)["Silent"]

    assert silent["InsufficientDataActions"] == silent["AlarmActions"] == [TOPIC]
    assert rings_after_minutes(silent) == 15


def test_no_other_alarm_notifies_of_missing_data(topic: Template) -> None:
    assert [name for name, alarm in alarms(topic).items() if "InsufficientDataActions" in alarm] == ["Silent"]


def test_every_alarm_notifies_the_topic_when_it_rings_and_when_it_is_over(topic: Template) -> None:
    for alarm in alarms(topic).values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [TOPIC]


def test_a_metric_that_an_alarm_compares_with_zero_has_data_points_from_each_tick(template: Template) -> None:
    """A comparison with a number has no result where the metric has no data point.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html#metric-math-syntax-operators
    """
    compared = {
        query["MetricStat"]["Metric"]["MetricName"]
        for alarm in alarms(template).values()
        for expression in [query["Expression"] for query in alarm.get("Metrics", []) if "Expression" in query]
        for query in alarm["Metrics"]
        if re.search(rf"FILL\({query['Id']}, 0\) == 0", expression)
    }

    assert compared == {metric.value for metric in restore_pulses.NO_PASSES} == {"SyncPasses", "IngestPasses"}


def test_a_filled_period_is_long_enough_for_metrics_that_come_late(template: Template) -> None:
    """CloudWatch warns that FILL also fills the last minute, of which a metric may never have data in time."""
    periods = {
        query["MetricStat"]["Period"]
        for alarm in alarms(template).values()
        if any("FILL" in query.get("Expression", "") for query in alarm.get("Metrics", []))
        for query in alarm["Metrics"]
        if "MetricStat" in query
    }

    assert min(periods) >= 300


def test_a_message_that_kills_its_function_rings_within_twenty_minutes(template: Template) -> None:
    (queue,) = (one for one in template.resources("AWS::SQS::Queue") if one.logical_id == "NotificationsQueue")
    alarm = alarms(template)["NotificationsFailing"]
    found = {(namespace, name) for namespace, name, _ in metrics(alarm)}

    assert found == {("AWS/Lambda", "Errors"), ("jobs-api", Metric.NOTIFICATION_ERRORS.value)}
    assert rings_after_minutes(alarm) == 20
    # The event must happen at least once in each period, or the periods would not be consecutive.
    periods = {query["MetricStat"]["Period"] for query in alarm["Metrics"][1:]}
    assert all(period > queue.properties["VisibilityTimeout"] for period in periods)


def test_throttles_of_functions_without_a_waiting_caller_raise_an_alarm(template: Template) -> None:
    functions = names(template, "AWS::Lambda::Function")
    watched = {functions[dimensions["FunctionName"]] for _, _, dimensions in metrics(alarms(template)["Throttled"])}

    routes = definition_of(template).routes
    endpoints = {route.function.partition(":function:")[2].partition(":")[0] for route in routes if route.function}
    assert watched == {logical_id for name, logical_id in functions.items() if name not in endpoints}


def test_the_alarm_of_durations_rings_at_nine_tenths_of_each_functions_timeout(template: Template) -> None:
    alarm = alarms(template)["NearTimeout"]
    functions = names(template, "AWS::Lambda::Function")
    timeouts = {function.logical_id: function.timeout_seconds for function in template.functions()}
    queries = {query["Id"]: query["MetricStat"]["Metric"] for query in alarm["Metrics"][1:]}
    limits = {
        ident: timeouts[functions[_dimensions(metric)["FunctionName"]]] if metric["MetricName"] == "Duration" else 25
        for ident, metric in queries.items()
    }

    assert timeouts["GetJobFunction"] == 25
    for ident, seconds in limits.items():
        assert f"FILL({ident}, 0) > {seconds * 900:.0f}" in alarm["Metrics"][0]["Expression"]
    watched = {
        functions[_dimensions(one)["FunctionName"]] for one in queries.values() if one["MetricName"] == "Duration"
    }
    assert watched == {name for name, seconds in timeouts.items() if seconds != timeouts["GetJobFunction"]}


@pytest.mark.parametrize(
    ("alarm", "metric"), [("TablesThrottled", "ThrottledRequests"), ("TablesFailing", "SystemErrors")]
)
def test_tables_are_watched_by_operations_that_functions_make(template: Template, alarm: str, metric: str) -> None:
    tables = {table.name: table.arn for table in template.resources("AWS::DynamoDB::Table")}
    granted = [grant for grants in template_grants.grants(template).values() for grant in grants]

    for namespace, name, dimensions in metrics(alarms(template)[alarm]):
        assert (namespace, name, sorted(dimensions)) == ("AWS/DynamoDB", metric, ["Operation", "TableName"])
        arn = tables[dimensions["TableName"]]
        asked = [Asked(f"dynamodb:{dimensions['Operation']}", resource) for resource in (arn, f"{arn}/index/by_job")]
        leading = [call._replace(leading_key="organizations") for call in asked]
        assert any(grant.covers(call) for grant in granted for call in leading), dimensions


def test_no_alarm_has_more_metrics_than_it_may(template: Template) -> None:
    assert max(len(list(metrics(alarm))) for alarm in alarms(template).values()) == MOST_METRICS


def test_every_expression_uses_all_metrics_of_its_alarm(template: Template) -> None:
    for alarm in alarms(template).values():
        for query in alarm.get("Metrics", []):
            if "Expression" in query and "METRICS()" not in query["Expression"]:
                idents = {other["Id"] for other in alarm["Metrics"]} - {query["Id"]}
                assert all(f"({ident}, 0)" in query["Expression"] for ident in idents)


def test_every_metric_of_ours_that_an_alarm_names_is_published(template: Template) -> None:
    published = {metric.value for metric in Metric} | {"AuthorizerErrors"}
    ours = {name for alarm in alarms(template).values() for space, name, _ in metrics(alarm) if space == "jobs-api"}

    assert ours <= published


def test_the_dashboard_shows_every_metric_of_ours(template: Template) -> None:
    (dashboard,) = template.resources("AWS::CloudWatch::Dashboard")
    widgets = json.loads(dashboard.properties["DashboardBody"])["widgets"]
    shown = {row[1] for widget in widgets for row in widget["properties"]["metrics"] if row[0] == "jobs-api"}

    assert shown == {metric.value for metric in Metric}


def test_costs_count_every_metric_of_every_alarm(template: Template) -> None:
    assert sum(len(list(metrics(alarm))) for alarm in alarms(template).values()) == costs.ALARM_METRICS
