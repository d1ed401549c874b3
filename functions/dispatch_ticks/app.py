"""Every minute: one event for each organization, so that each is looked at on its own and none waits for another."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from jobs_api import events, store

logger = Logger()


@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> None:  # noqa: ARG001 - Lambda's signature
    """Put the ticks on the bus; raises where it does not take them, so that Lambda tries again."""
    organizations = [organization.id for organization in store.list_organizations()]
    events.organization_ticks(organizations)
    logger.info("ticked", organizations=len(organizations))
