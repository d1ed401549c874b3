"""Makes calls to moto faster: caches repeated results, and avoids work that is quadratic in an item's attributes.

One call of a test takes some milliseconds of a processor, and a run of all tests makes a hundred thousand.
"""

import copy
import threading
from collections import deque
from functools import cache, wraps
from typing import Any

import botocore.useragent

# moto's limit for items. DynamoDB's is 400 KB; moto's authors saw DynamoDB accept and refuse sizes around this one.
MOST_BYTES_IN_ITEM = 405_000
_update, _send = threading.local(), threading.local()


def spare_each_call() -> None:
    """Change moto and botocore in this process; their answers stay the same."""
    agent: Any = botocore.useragent
    agent.sanitize_user_agent_string_component = cache(agent.sanitize_user_agent_string_component)
    _remember_actions()
    _validate_updates_once()
    _measure_items_once()
    _parse_conditions_once()
    _parse_update_expressions_once()
    _copy_attributes_without_copy()
    _send_without_counting()


def _remember_actions() -> None:
    """Let moto look up the method of each action once."""
    from moto.core import responses  # noqa: PLC0415 - it takes long to import
    from moto.sqs import models as queues  # noqa: PLC0415

    module: Any = responses
    queue_module: Any = queues
    underscored = cache(module.camelcase_to_underscores)
    module.camelcase_to_underscores = queue_module.camelcase_to_underscores = underscored
    module.method_names_from_class = cache(module.method_names_from_class)


def _validate_updates_once() -> None:
    """Let a validator of an UpdateExpression look up its node types once, and not at each node.

    Count the clauses of a kind once for the whole expression, not for each part of it.
    """
    from moto.dynamodb.parsing import ast_nodes, validators  # noqa: PLC0415

    trees: Any = ast_nodes
    counter: Any = validators.ActionCountValidator

    def search(found: Any, kinds: Any) -> Any:
        return next((kind for kind in kinds if issubclass(found, kind)), None)

    # For an abstract class, isinstance calls Python code each time.
    first_of: Any = cache(search)

    def traverse(traverser: Any, root: Any) -> Any:
        process = traverser._processing_map()
        kinds = tuple(process)

        def visit(node: Any, place: int) -> Any:
            if not first_of(type(node), (trees.Node,)):
                return node
            parent = node.parent
            for index, child in enumerate(node.children or ()):
                traverser.pre_processing_of_child(node, index)
                visit(child, index)
            if kind := first_of(type(node), kinds):
                node = process[kind](node)
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
    from moto.dynamodb.parsing.executors import UpdateExpressionExecutor  # noqa: PLC0415

    def begin(item: Any, hash_key: Any, range_key: Any, attrs: dict[str, Any]) -> None:
        item.hash_key, item.range_key, item.attrs = hash_key, range_key, LimitedSizeDict()
        # The plain dictionary's update does not measure the item again.
        item.attrs.update({key: DynamoType(value) for key, value in attrs.items()})
        if item.size() > MOST_BYTES_IN_ITEM:
            raise ItemSizeTooLarge

    def execute(executor: Any, node: Any = None) -> None:
        if node is not None:
            execute_node(executor, node)
            return
        attributes = executor.item.attrs
        before = dict(attributes)
        _update.under_way = True
        try:
            execute_node(executor)
        finally:
            _update.under_way = False
        if executor.item.size() > MOST_BYTES_IN_ITEM:
            attributes.clear()
            attributes.update(before)
            raise ItemSizeTooLarge

    def set_attribute(attributes: Any, key: str, value: Any) -> None:
        (dict.__setitem__ if getattr(_update, "under_way", False) else set_measured)(attributes, key, value)

    item_class: Any = Item
    executor_class: Any = UpdateExpressionExecutor
    attributes_class: Any = LimitedSizeDict
    execute_node, set_measured = executor_class.execute, attributes_class.__setitem__
    item_class.__init__, executor_class.execute, attributes_class.__setitem__ = begin, execute, set_attribute


def _parse_conditions_once() -> None:
    """Split each expression into its words once, and parse the condition of a call once, although moto asks twice."""
    from moto.dynamodb.comparisons import ConditionExpressionParser  # noqa: PLC0415

    parser_class: Any = ConditionExpressionParser
    lex, parse = parser_class._lex_condition_expression, parser_class.parse
    words: dict[str, tuple[Any, ...]] = {}
    latest: list[Any] = [None]

    def lexed(parser: Any) -> deque[Any]:
        if parser.condition_expression not in words:
            words[parser.condition_expression] = tuple(lex(parser))
        return deque(words[parser.condition_expression])

    def parsed(parser: Any) -> Any:
        asked = (parser.condition_expression, parser.expression_attribute_names, parser.expression_attribute_values)
        if latest[0] is None or latest[0][0] != asked:
            latest[0] = (
                copy.deepcopy(asked),
                parse(parser),
                parser.expr_attr_names_found,
                parser.expr_attr_values_found,
            )
        else:
            parser.expr_attr_names_found = list(latest[0][2])
            parser.expr_attr_values_found = list(latest[0][3])
        return latest[0][1]

    parser_class._lex_condition_expression, parser_class.parse = lexed, parsed


def _parse_update_expressions_once() -> None:
    """Parse each UpdateExpression once, and copy the tree quickly: a validator changes its copy, never the original."""
    from moto.dynamodb.parsing import ast_nodes, expressions  # noqa: PLC0415

    parser: Any = expressions
    parser = parser.UpdateExpressionParser
    trees: Any = ast_nodes
    node_class = trees.Node

    def copied(node: Any, _memo: dict[int, Any]) -> Any:
        duplicate = object.__new__(type(node))
        vars(duplicate).update(vars(node))
        if node.children is not None:
            duplicate.children = [
                child if type(child) is str else copied(child, _memo) if isinstance(child, node_class) else child
                for child in node.children
            ]
            for child in duplicate.children:
                if isinstance(child, node_class):
                    child.parent = duplicate
        return duplicate

    parser.make = staticmethod(cache(parser.make))
    node_class.__deepcopy__ = copied


def _copy_attributes_without_copy() -> None:
    """Copy a stored value, and turn it into what JSON has, without asking for each value what kind of object it is."""
    from moto.dynamodb import responses  # noqa: PLC0415
    from moto.dynamodb.models.dynamo_type import DynamoType  # noqa: PLC0415

    module: Any = responses
    stored: Any = DynamoType
    to_dict = module.dynamo_to_dict

    def copied(value: Any, _memo: dict[int, Any] | None = None) -> Any:
        duplicate = stored.__new__(stored)
        duplicate.type, content = value.type, value.value
        if type(content) is list:
            content = [copied(one) if type(one) is stored else one for one in content]
        elif type(content) is dict:
            content = {key: copied(one) for key, one in content.items()}
        duplicate.value = content
        return duplicate

    def plain(value: Any) -> Any:
        kind = type(value)
        if kind is str or kind is bool or kind is int or value is None:
            return value
        if kind is dict:
            return {key: plain(one) for key, one in value.items()}
        if kind is list:
            return [plain(one) for one in value]
        return to_dict(value)

    stored.__deepcopy__ = copied
    module.dynamo_to_dict = plain


def _send_without_counting() -> None:
    """Do not count all the messages of a queue for each message that is sent: moto reads all attributes to use one."""
    from moto.sqs.models import Queue, SQSBackend  # noqa: PLC0415

    queue: Any = Queue
    backend: Any = SQSBackend
    send = backend.send_message

    @wraps(send)
    def sent(*arguments: Any, **options: Any) -> Any:
        _send.under_way = True
        try:
            return send(*arguments, **options)
        finally:
            _send.under_way = False

    def uncounted(count: Any) -> property:
        return property(lambda one: 0 if getattr(_send, "under_way", False) else count(one))

    backend.send_message = sent
    for which in ("", "_delayed", "_not_visible"):
        name = f"approximate_number_of_messages{which}"
        setattr(queue, name, uncounted(getattr(queue, name).fget))
