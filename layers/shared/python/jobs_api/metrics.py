"""What the service says about itself: figures in its log that CloudWatch turns into metrics, without a call.

Alarms and dashboard of template.yaml read them; docs/operations.md says what each means.
"""

from collections.abc import Mapping
from enum import StrEnum

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit


class Metric(StrEnum):
    """Counts, but for the one in seconds."""

    TICKS = "Ticks"
    TICKS_SENT = "TicksSent"
    SYNC_PASSES = "SyncPasses"
    SYNC_CHANGES = "SyncChanges"
    DRIFT_REPAIRED = "DriftRepaired"
    REMOVALS_HELD = "RemovalsHeld"
    INGEST_PASSES = "IngestPasses"
    INGEST_LAG = "IngestLagSeconds"
    RUNS_SUCCEEDED = "RunsSucceeded"
    RUNS_FAILED = "RunsFailed"
    RUNS_ERRORED = "RunsErrored"
    CLUSTER_ERRORS = "ClusterErrors"
    NOTIFICATION_FAILURES = "NotificationFailures"
    NOTIFICATION_ERRORS = "NotificationErrors"


def publish(values: Mapping[Metric, float]) -> None:
    """Write figures to the log, all under one time; nothing where there are none."""
    if not values:
        return
    # An instance that shares nothing: on a laptop functions run side by side in one process.
    figures = EphemeralMetrics()
    for metric, value in values.items():
        unit = MetricUnit.Seconds if metric is Metric.INGEST_LAG else MetricUnit.Count
        figures.add_metric(metric.value, unit, value)
    figures.flush_metrics()
