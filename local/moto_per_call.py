"""Makes calls to moto faster: caches repeated results, and avoids work that is quadratic in an item's attributes.

One call of a test takes some milliseconds of a processor, and a run of all tests makes a hundred thousand.
"""

from functools import cache
from typing import Any

import botocore.useragent

# moto's limit for items. DynamoDB's is 400 KB; moto's authors saw DynamoDB accept and refuse sizes around this one.
MOST_BYTES_IN_ITEM = 405_000


def spare_each_call() -> None:
    """Change moto and botocore in this process; their answers stay the same."""
    agent: Any = botocore.useragent
    agent.sanitize_user_agent_string_component = cache(agent.sanitize_user_agent_string_component)
    _remember_actions()
    _validate_updates_once()
    _measure_items_once()


def _remember_actions() -> None:
    """Let moto look up the method of each action once."""
    from moto.core import responses  # noqa: PLC0415 - it takes long to import

    module: Any = responses
    module.camelcase_to_underscores = cache(module.camelcase_to_underscores)
    module.method_names_from_class = cache(module.method_names_from_class)


def _validate_updates_once() -> None:
    """Let a validator of an UpdateExpression look up its node types once, and not at each node.

    Count the clauses of a kind once for the whole expression, not for each part of it.
    """
    from moto.dynamodb.parsing import ast_nodes, validators  # noqa: PLC0415

    trees: Any = ast_nodes
    counter: Any = validators.ActionCountValidator

    def traverse(traverser: Any, root: Any) -> Any:
        process = traverser._processing_map()  # noqa: SLF001 - there is no other name for it
        kinds = tuple(process)

        def visit(node: Any, place: int) -> Any:
            if not isinstance(node, trees.Node):
                return node
            parent = node.parent
            for index, child in enumerate(node.children or ()):
                traverser.pre_processing_of_child(node, index)
                visit(child, index)
            if isinstance(node, kinds):
                node = next(process[kind] for kind in process if isinstance(node, kind))(node)
                node.parent = parent
                if parent:
                    parent.children[place] = node
            return node

        return visit(root, -1)

    trees.DepthFirstTraverser.traverse = traverse
    counter.traverse = counter.verify_action_counts


def _measure_items_once() -> None:
    """Measure an item once when it is complete, not before each attribute."""
    from moto.dynamodb.exceptions import ItemSizeTooLarge  # noqa: PLC0415
    from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict  # noqa: PLC0415

    def begin(item: Any, hash_key: Any, range_key: Any, attrs: dict[str, Any]) -> None:
        item.hash_key, item.range_key, item.attrs = hash_key, range_key, LimitedSizeDict()
        # The update of this dictionary measures nothing.
        item.attrs.update({key: DynamoType(value) for key, value in attrs.items()})
        if item.size() > MOST_BYTES_IN_ITEM:
            raise ItemSizeTooLarge

    item_class: Any = Item
    item_class.__init__ = begin
