"""A Powertools resolver that is so slow that other requests end first."""

import time
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver

app = APIGatewayRestResolver()
logger = Logger(service="laptop-tests")


@app.get("/slow/<name>")
def slow(name: str) -> dict[str, Any]:
    """Return the resolver's request, read before and after other requests arrived."""
    logger.append_keys(name=name)
    before = app.current_event.path
    time.sleep(0.05)
    return {
        "name": name,
        "paths": [before, app.current_event.path],
        "caller": app.current_event.request_context.authorizer.raw_event["name"],
        "request_id": app.lambda_context.aws_request_id,
        "keys": logger.get_current_keys() | logger.thread_safe_get_current_keys(),
    }


lambda_handler = app.resolve
