"""Answers the reads and writes of items in DynamoDB without moto's HTTP layer, which took half of each call's time.

The action, its checks and its errors are moto's own. A call in this process has no use for the rest: moto's search for
a service by URL, its WSGI request, its walks through the shapes of request and answer, and the checksum.
"""

import base64
import json
import re
from functools import cache
from types import SimpleNamespace
from typing import Any

# Actions whose requests and answers consist of items, expressions, numbers and names, all of which JSON has types for.
_METHODS = {
    "BatchGetItem": "batch_get_item",
    "BatchWriteItem": "batch_write_item",
    "DeleteItem": "delete_item",
    "GetItem": "get_item",
    "PutItem": "put_item",
    "Query": "query",
    "Scan": "scan",
    "TransactGetItems": "transact_get_items",
    "TransactWriteItems": "transact_write_items",
    "UpdateItem": "update_item",
}
# Bytes are base64 in JSON, and only the shape of a request says which strings are bytes. moto's own parser reads such
# requests.
BYTES = re.compile(rb'"BS?"')

type Answer = tuple[int, dict[str, str], Any]


def answer(target: str, body: Any, headers: Any, region: str) -> Answer | None:
    """Return status, headers and body of a call; None if moto's own HTTP layer has to answer it.

    Args:
        target: the header X-Amz-Target, such as DynamoDB_20120810.GetItem.
        body: the JSON of the request, as bytes.
        headers: all its headers.
        region: where the tables are.
    """
    name = _METHODS.get(target.rpartition(".")[2])
    if name is None or BYTES.search(body):
        return None
    moto = _moto()
    handler = _handler(json.loads(body), headers, region, moto.DEFAULT_ACCOUNT_ID)
    try:
        result = getattr(handler, name)()
    except moto.ServiceException as error:
        status, answered, text = handler.serialized(moto.ActionResult(error))
        return status, answered, text
    except moto.HTTPException as error:
        return error.code, {"Content-Type": error.content_type}, error.description
    return 200, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(result.result, default=_base64)


def _handler(parameters: dict[str, Any], headers: Any, region: str, account: str) -> Any:
    from moto.dynamodb.responses import DynamoHandler  # noqa: PLC0415 - it takes long to import

    handler: Any = DynamoHandler()
    handler.body = handler.params = parameters
    handler.region, handler.current_account = region, account
    handler.headers, handler.querystring, handler.response_headers = headers, {}, {}
    return handler


@cache
def _moto() -> Any:
    """Return moto's names that are needed for each call; importing moto takes long."""
    from moto.core.exceptions import ServiceException  # noqa: PLC0415
    from moto.core.models import DEFAULT_ACCOUNT_ID  # noqa: PLC0415
    from moto.core.responses import ActionResult  # noqa: PLC0415
    from werkzeug.exceptions import HTTPException  # noqa: PLC0415

    return SimpleNamespace(
        DEFAULT_ACCOUNT_ID=DEFAULT_ACCOUNT_ID,
        HTTPException=HTTPException,
        ServiceException=ServiceException,
        ActionResult=ActionResult,
    )


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
