"""On every change and every minute: makes an organization's CronJobs match its jobs in the tables."""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from jobs_api import cluster, store
from jobs_api.errors import ClusterError
from jobs_api.metrics import Metric, publish
from jobs_api.sync import Scope, sync

logger = Logger()


@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> None:  # noqa: ARG001 - Lambda's signature
    """Sync what the event names; raises, for a retry and an alarm, if the cluster cannot be reached."""
    scope = Scope.model_validate(event.get("detail"))
    logger.append_keys(**scope.model_dump(exclude_none=True))
    organization = store.recent_organization(scope.organization_id)
    try:
        done = sync(scope, cluster.connect(organization), datetime.now(UTC))
    except ClusterError:
        publish({Metric.CLUSTER_ERRORS: 1})
        raise
    changes = done["created"] + done["replaced"] + done["deleted"]
    publish({Metric.SYNC_PASSES: 1, Metric.SYNC_CHANGES: changes, Metric.DRIFT_REPAIRED: done["repaired"]})
    if done["held"]:
        publish({Metric.REMOVALS_HELD: done["held"]})
    logger.info("synced", changes=dict(done))
