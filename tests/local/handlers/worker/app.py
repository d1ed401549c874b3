"""Notes what it is given and fails where it is told to; all its copies note it in one list."""

import json
from typing import Any

from tests.local.seen import SEEN


def lambda_handler(event: dict[str, Any], _: object) -> Any:
    """Note the event; of messages, report those that are to fail."""
    if "Records" in event:
        SEEN.extend(record["body"] for record in event["Records"])
        failed = [record["messageId"] for record in event["Records"] if "fail" in record["body"]]
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
    SEEN.append(json.dumps(event.get("detail", event)))
    if event.get("detail", {}).get("fail"):
        raise RuntimeError("as told")
    return None
