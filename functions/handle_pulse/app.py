"""Takes messages from the queue of pulses: each says that a pass over an organization is due, or requests one."""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from jobs_api.pulse.handling import handle
from jobs_api.pulse.queue import PulseMessage

logger = Logger()


@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> None:  # noqa: ARG001 - Lambda's signature
    """Make the passes; raises where not even their record could be written, so that SQS delivers the message again."""
    for record in event["Records"]:
        handle(PulseMessage.of_record(record), lambda: datetime.now(UTC))
