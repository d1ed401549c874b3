"""The items of moto's tables, as text: a Scan reads each of its pages from the beginning of the table."""

import os
from collections.abc import Iterator
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType

from local.intrinsics import REGION


def texts_in(table: str, mentioning: str = "") -> Iterator[str]:
    """Yield the items of a table as text.

    Args:
        table: the environment variable with its name, such as RUNS_TABLE.
        mentioning: leave out items in which no text has this.
    """
    stored: Any = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].tables[os.environ[table]]
    for item in stored.all_items():
        values = [attribute.value for attribute in item.attrs.values()]
        if not mentioning or any(type(value) is str and mentioning in value for value in values):
            yield str({name: _plain(attribute) for name, attribute in item.attrs.items()})


def _plain(value: Any) -> Any:
    if isinstance(value, DynamoType):
        return _plain(value.value)
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | set | tuple):
        return [_plain(one) for one in value]
    return value
