"""The base of the rows of all tables: the connection to DynamoDB, and how an item is read and updated.

template.yaml defines the tables' names, keys and indexes.
"""

import os
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Self

from pynamodb.connection import Connection
from pynamodb.constants import ALL_NEW, ATTRIBUTES, NULL
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.models import Model

from jobs_api.aws.clients import CONNECT_SECONDS, SETTINGS

REGION = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
_SETTINGS = SETTINGS["dynamodb"]
# As many threads may read or write at once.
TABLE_CONNECTIONS = _SETTINGS.connections
connection = Connection(
    region=REGION,
    connect_timeout_seconds=CONNECT_SECONDS,
    read_timeout_seconds=_SETTINGS.read_seconds,
    # PynamoDB does not count the first attempt.
    max_retry_attempts=_SETTINGS.attempts - 1,
    max_pool_connections=TABLE_CONNECTIONS,
)


class Row(Model):
    """An item of a table."""

    @classmethod
    def from_raw_data(cls, data: dict[str, Any]) -> Self:
        """Read an item as it came; PynamoDB sets each attribute by its descriptor, which takes three times as long."""
        kind: Any = cls._get_discriminator_class(data) or cls
        row: Self = kind.__new__(kind)
        row.attribute_values = {
            name: read(data[key][type_name])
            for name, key, type_name, read in _readers(kind)
            if key in data and NULL not in data[key]
        }
        return row

    def update(self, actions: list[Action], condition: Condition | None = None, **_: Any) -> None:
        """Update the item, without reading it back: hardly a caller looks at the row afterwards.

        PynamoDB's own `update` reads the whole item back, and where that is of another class than this row it raises a
        ValueError although the update is done.
        """
        key, sort = self._get_hash_range_key_serialized_values()
        self._get_connection().update_item(key, range_key=sort, condition=condition, actions=actions)

    def update_and_read(self, actions: list[Action], condition: Condition) -> Self:
        """Update the item; return it as it is afterwards."""
        key, sort = self._get_hash_range_key_serialized_values()
        answer = self._get_connection().update_item(
            key, range_key=sort, condition=condition, actions=actions, return_values=ALL_NEW
        )
        return self.from_raw_data(answer[ATTRIBUTES])

    def values(self, names: Iterable[str]) -> dict[str, Any]:
        """Return attributes by their names here, None where there is no value."""
        found = self.attribute_values
        return {name: found.get(name) for name in names}


@cache
def _readers(kind: type[Model]) -> list[tuple[str, str, str, Callable[[Any], Any]]]:
    """Return each attribute's name here and in the table, its type there and what reads it."""
    return [(name, one.attr_name, one.attr_type, one.deserialize) for name, one in kind.get_attributes().items()]


_described: set[str] = set()


def share_connection(*models: type[Model]) -> None:
    """Let all models share one client: PynamoDB would make one for each model, which takes a tenth of a second."""
    for model in models:
        table = model._get_connection()  # noqa: SLF001 - there is no public way to give a model its connection
        # Some tables have rows of several kinds.
        if model.Meta.table_name not in _described:
            connection.add_meta_table(table.get_meta_table())
            _described.add(model.Meta.table_name)
        table.connection = connection
