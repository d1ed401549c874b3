"""Records its events and fails for those that say so; all copies of the module record into one list."""

import json
from typing import Any

from tests.local.worker_events import SEEN


def lambda_handler(event: dict[str, Any], _: object) -> Any:
    """Record the event; if it has messages, report those that should fail."""
    if "Records" in event:
        SEEN.extend(record["body"] for record in event["Records"])
        failed = [record["messageId"] for record in event["Records"] if "fail" in record["body"]]
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
    SEEN.append(json.dumps(event.get("detail", event)))
    if event.get("detail", {}).get("fail"):
        raise RuntimeError("as told")
    return None
