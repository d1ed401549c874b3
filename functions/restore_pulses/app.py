"""Every minute: asks for a pass over each organization whose pulse was lost, or that never had one."""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from jobs_api import store
from jobs_api.metrics import Metric, publish
from jobs_api.pulse import queue

logger = Logger()
# Where no pass succeeds, its metrics would have no data point at all. CloudWatch does not say whether FILL fills such a
# metric, and the alarms that compare the number of passes with 0 depend on it.
NO_PASSES = {Metric.SYNC_PASSES: 0, Metric.INGEST_PASSES: 0}


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> None:  # noqa: ARG001 - Lambda's signature
    """Request the passes that are overdue, since their pulse was lost.

    Raises where the queue does not take every request, so that Lambda tries again; two requests make one pass.
    """
    now = datetime.now(UTC)
    organizations = [one for one in store.list_organizations() if one.retired_at is None]
    without = [one for one in organizations if one.pulse.is_lost(now)]
    lost = [one.id for one in without if one.pulse.generation]
    publish({Metric.TICKS: 1, Metric.ORGANIZATIONS: len(organizations), Metric.PULSES_LOST: len(lost)} | NO_PASSES)
    logger.info("ticked", organizations=len(organizations), lost=lost[:10])
    queue.ask_for_all([one.id for one in without], now)
