"""Answers as the service does where the store gives it an error: with an answer that hides the reason."""

import json
from typing import Any

from local.emulator.errors import AwsError, store_trouble


def lambda_handler(event: dict[str, Any], _: Any) -> dict[str, Any]:
    problem: dict[str, Any] = {"message": "Something went wrong", "code": "internal_error", "request_id": "r"}
    try:
        raise store_trouble("DiskFull", "Nothing was written. Make room", 507)
    except AwsError:
        return {"statusCode": event["status"], "headers": {}, "body": json.dumps(problem)}
