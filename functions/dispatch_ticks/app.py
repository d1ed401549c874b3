"""Every minute: sends one event for each organization, so that no organization waits for another."""

import os
import time
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from jobs_api import store
from jobs_api.aws import event_bus
from jobs_api.metrics import Metric, publish

logger = Logger()


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> None:  # noqa: ARG001 - Lambda's signature
    """Put the ticks on the bus, the first at once and the others evenly through the minute.

    Raises if the bus rejects them, so that Lambda tries again; a tick that comes twice only starts one more pass.
    """
    ticks = int(os.environ["TICKS_PER_MINUTE"])
    # Lambda does not freeze the process during an invocation, so a monotonic clock is right here.
    begun = time.monotonic()  # noqa: TID251
    for tick in range(ticks):
        time.sleep(max(0.0, begun + tick * 60 / ticks - time.monotonic()))  # noqa: TID251
        organizations = [one.id for one in store.list_organizations() if one.retired_at is None]
        event_bus.organization_ticks(organizations)
        publish({Metric.TICKS: 1, Metric.TICKS_SENT: len(organizations)})
        logger.info("ticked", organizations=len(organizations))
