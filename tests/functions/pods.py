"""A Pod of a run: what it asks the API, and what it stores by the answer."""

import gzip
import importlib
import json
import os
from collections.abc import Mapping
from typing import Any, cast

from aws_lambda_powertools.utilities.typing import LambdaContext

from jobs_api.logs.log_bucket import bucket_client
from tests.functions.people import NOON, Context


def ask(run_id: str, claims: Mapping[str, str], body: Any) -> tuple[int, Any]:
    """Ask for the artifacts of a run; `claims` is what the authorizer found out. Return the status and the answer."""
    app = importlib.import_module("functions.store_artifacts.app")
    event = {
        "resource": "/api/v1/runs/{run_id}/artifacts",
        "path": f"/api/v1/runs/{run_id}/artifacts",
        "httpMethod": "POST",
        "headers": {},
        "multiValueHeaders": {},
        "pathParameters": {"run_id": run_id},
        "requestContext": {
            "requestId": "r",
            "requestTimeEpoch": int(NOON.timestamp() * 1000),
            "path": f"/dev/api/v1/runs/{run_id}/artifacts",
            "authorizer": {"role": "pod", "token_id": claims["pod_name"], **claims},
        },
        "body": json.dumps(body),
        "isBase64Encoded": False,
    }
    answer = app.lambda_handler(event, cast("LambdaContext", Context()))
    return answer["statusCode"], json.loads(answer["body"])


def upload(run_id: str, claims: Mapping[str, str], contents: Mapping[str, bytes]) -> str:
    """Store files as a Pod does: ask for a form, and send one object. Return its key."""
    packed = {path: gzip.compress(content) for path, content in contents.items()}
    files = [
        {"path": path, "size_bytes": len(contents[path]), "stored_bytes": len(content)}
        for path, content in packed.items()
    ]
    status, told = ask(run_id, claims, {"files": files})
    assert status == 200, told
    form = told["upload"]
    key: str = form["form"]["key"]
    body = form["head"].encode() + b"".join(packed.values())
    bucket_client().put_object(Bucket=os.environ["LOGS_BUCKET"], Key=key, Body=body)
    return key
