"""Metrics: lines in the log that CloudWatch turns into metrics, without a call.

The alarms and the dashboard of template.yaml use them; docs/operations.md explains each.
"""

from collections.abc import Mapping
from enum import StrEnum

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit


class Metric(StrEnum):
    """The metrics; all are counts, except the one in seconds."""

    TICKS = "Ticks"
    ORGANIZATIONS = "Organizations"
    PULSES_LOST = "PulsesLost"
    SYNC_PASSES = "SyncPasses"
    SYNC_ERRORS = "SyncErrors"
    SYNC_CHANGES = "SyncChanges"
    DRIFT_REPAIRED = "DriftRepaired"
    REMOVALS_HELD = "RemovalsHeld"
    INGEST_PASSES = "IngestPasses"
    INGEST_ERRORS = "IngestErrors"
    INGEST_LAG = "IngestLagSeconds"
    RUNS_SUCCEEDED = "RunsSucceeded"
    RUNS_FAILED = "RunsFailed"
    RUNS_ERRORED = "RunsErrored"
    CLUSTER_ERRORS = "ClusterErrors"
    NOTIFICATION_FAILURES = "NotificationFailures"
    NOTIFICATION_ERRORS = "NotificationErrors"


def publish(values: Mapping[Metric, float]) -> None:
    """Write values to the log, all with the same time; write nothing if there are none."""
    if not values:
        return
    # A new instance that shares nothing: on a laptop several functions run in one process.
    figures = EphemeralMetrics()
    for metric, value in values.items():
        unit = MetricUnit.Seconds if metric is Metric.INGEST_LAG else MetricUnit.Count
        figures.add_metric(metric.value, unit, value)
    figures.flush_metrics()
