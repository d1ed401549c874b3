"""Does what the body says, and otherwise returns its event."""

import json
import time
from typing import Any


def lambda_handler(event: dict[str, Any], context: Any) -> Any:
    """Answer, raise or sleep, as the body says."""
    asked = json.loads(event["body"]) if (event["body"] or "").startswith("{") else {}
    if "raise" in asked:
        raise ValueError(asked["raise"])
    if "sleep" in asked:
        time.sleep(asked["sleep"])
    if "size" in asked:
        return {"statusCode": 200, "body": "x" * asked["size"]}
    if "return" in asked:
        return asked["return"]
    told = {"event": event, "request_id": context.aws_request_id, "left": context.get_remaining_time_in_millis()}
    return {"statusCode": 200, "body": json.dumps(told)}
