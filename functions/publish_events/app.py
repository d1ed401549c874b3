"""Reads the streams of the tables: puts changes of runs and jobs on the bus, for rules of the account's owner."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from jobs_api.account_events.publishing import publish_records

logger = Logger()


@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Publish a batch of one shard; return the record to continue from, where the bus did not take all."""
    again_from = publish_records(event["Records"])
    return {"batchItemFailures": [{"itemIdentifier": again_from}] if again_from else []}
