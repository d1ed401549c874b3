"""Metrics: lines in the log that CloudWatch turns into metrics, without a call.

The alarms and the dashboard of template.yaml use them; docs/operations.md explains each.
"""

import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

TOLD_EVERY: Final = timedelta(minutes=1)


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
    RUNS_CANCELLED = "RunsCancelled"
    CLUSTER_ERRORS = "ClusterErrors"
    NOTIFICATION_FAILURES = "NotificationFailures"
    NOTIFICATION_ERRORS = "NotificationErrors"


class Tally:
    """Counts what happens too often for a line each time, in one process."""

    def __init__(self) -> None:
        """Count from zero; the first event is reported at once."""
        self._counting = threading.Lock()
        self._count = 0
        self._published_at: datetime | None = None

    def count(self, now: datetime) -> int:
        """Count one more; return those not reported yet, once the last report is a minute ago, else 0."""
        with self._counting:
            self._count += 1
            if self._published_at and timedelta() <= now - self._published_at < TOLD_EVERY:
                return 0
            self._published_at, published, self._count = now, self._count, 0
            return published


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
