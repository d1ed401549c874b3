"""The emulator's DynamoDB answers as moto's does, for random requests in any order."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.local.emulator.conftest import RUNS, Running

# Parts of an answer in which moto differs from AWS; the emulator's own tests cover them.
_ONLY_ONES = ("LastEvaluatedKey", "ResponseMetadata", "ConsumedCapacity", "ScannedCount", "ItemCollectionMetrics")

# No NULL: moto confuses it with a missing attribute.
texts = st.sampled_from(["a", "b", "ab", "é", "z"])
numbers = st.sampled_from(["0", "1", "-1", "2.5", "10", "-0.003", "1000000"])
scalars = st.one_of(
    texts.map(lambda text: {"S": text}),
    numbers.map(lambda text: {"N": text}),
    st.binary(min_size=1, max_size=2).map(lambda content: {"B": content}),
)
values = st.one_of(
    scalars,
    st.lists(scalars, max_size=3).map(lambda members: {"L": members}),
    st.dictionaries(texts, scalars, max_size=2).map(lambda members: {"M": members}),
    st.lists(texts, min_size=1, max_size=3, unique=True).map(lambda members: {"SS": members}),
)
# Booleans occur only where no condition compares them: moto compares them as Python does, where False equals 0.
flags = st.booleans().map(lambda flag: {"BOOL": flag})
keys = st.fixed_dictionaries({"pk": texts.map(lambda t: {"S": t}), "sk": texts.map(lambda t: {"S": t})})
attributes = st.fixed_dictionaries(
    {},
    optional={
        "group": texts.map(lambda text: {"S": text}),
        "rank": numbers.map(lambda text: {"N": text}),
        "note": values,
        "more": st.one_of(values, flags),
        "count": numbers.map(lambda text: {"N": text}),
        "names": st.lists(texts, min_size=1, max_size=3, unique=True).map(lambda members: {"SS": members}),
    },
)
CONDITIONS = [
    "attribute_exists(#note)",
    "attribute_not_exists(#note)",
    "#note = :v",
    "#note <> :v",
    "#note < :v OR #note > :v",
    "NOT (#note <= :v) AND attribute_exists(pk)",
    "#note IN (:v, :w)",
    "#note BETWEEN :v AND :w",
    "begins_with(#note, :t)",
    "contains(#note, :t)",
    "attribute_type(#note, :kind)",
    "(#note = :v) OR ((attribute_exists(more)) AND NOT #note = :w)",
]
UPDATES = [
    "SET #note = :v",
    "SET #note = if_not_exists(#note, :v), more = :w",
    "SET #count = if_not_exists(#count, :one) + :one",
    "SET #count = :one - :n",
    "REMOVE #note, more",
    "ADD #count :n",
    "ADD #names :set",
    "DELETE #names :set",
    "SET #note = :v REMOVE more ADD #count :one",
    "SET more = list_append(if_not_exists(more, :empty), :list)",
]
NAMES = {"#note": "note", "#count": "count", "#names": "names"}


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:  # noqa: C901, PLR0911, PLR0912 - each kind of request
    kind = draw(st.sampled_from(["put", "update", "delete", "get", "query", "index", "scan", "transact", "batch"]))
    given_values: dict[str, dict[str, Any]] = {
        ":v": draw(scalars),
        ":w": draw(scalars),
        ":t": {"S": draw(texts)},
        ":kind": {"S": draw(st.sampled_from(["S", "N", "L", "M", "BOOL"]))},
        ":one": {"N": "1"},
        ":n": {"N": draw(numbers)},
        ":set": {"SS": draw(st.lists(texts, min_size=1, max_size=2, unique=True))},
        ":empty": {"L": []},
        ":list": {"L": [draw(scalars)]},
    }

    def said(*expressions: str) -> dict[str, Any]:
        # DynamoDB refuses names and values that no expression uses.
        text = " ".join(expressions)
        words = {word.strip("(),") for word in text.replace("(", " ").replace(")", " ").replace(",", " ").split()}
        names = {name: to for name, to in NAMES.items() if name in words}
        found = {name: value for name, value in given_values.items() if name in words}
        return {
            **({"ExpressionAttributeNames": names} if names else {}),
            **({"ExpressionAttributeValues": found} if found else {}),
        }

    def conditioned() -> dict[str, Any]:
        condition = draw(st.one_of(st.none(), st.sampled_from(CONDITIONS)))
        return {} if condition is None else {"ConditionExpression": condition, **said(condition)}

    def item() -> dict[str, Any]:
        return {**draw(keys), **draw(attributes)}

    match kind:
        case "put":
            return "put_item", {
                "Item": item(),
                "ReturnValues": draw(st.sampled_from(["NONE", "ALL_OLD"])),
                **conditioned(),
            }
        case "update":
            update = draw(st.sampled_from(UPDATES))
            condition = draw(st.one_of(st.none(), st.sampled_from(CONDITIONS)))
            returned = draw(st.sampled_from(["NONE", "ALL_OLD", "ALL_NEW"]))
            more = {"ConditionExpression": condition} if condition else {}
            asked = {"Key": draw(keys), "UpdateExpression": update, "ReturnValues": returned}
            return "update_item", {**asked, **more, **said(update, condition or "")}
        case "delete":
            return "delete_item", {"Key": draw(keys), "ReturnValues": "ALL_OLD", **conditioned()}
        case "get":
            return "get_item", {
                "Key": draw(keys),
                **draw(st.sampled_from([{}, {"ProjectionExpression": "note, more"}])),
            }
        case "query":
            test = draw(st.sampled_from(["", " AND sk = :t", " AND sk > :t", " AND begins_with(sk, :t)"]))
            condition = f"pk = :p{test}"
            found = {":p": {"S": draw(texts)}, **({":t": {"S": draw(texts)}} if test else {})}
            order = draw(st.booleans())
            return "query", {
                "KeyConditionExpression": condition,
                "ExpressionAttributeValues": found,
                "ScanIndexForward": order,
            }
        case "index":
            found = {":g": {"S": draw(texts)}}
            name = {"#group": "group"}
            asked = {"KeyConditionExpression": "#group = :g", "ExpressionAttributeNames": name}
            return "query", {"IndexName": "short", "ExpressionAttributeValues": found, **asked}
        case "scan":
            condition = draw(st.sampled_from(CONDITIONS))
            return "scan", {"FilterExpression": condition, **said(condition)}
        case "batch":
            chosen = draw(
                st.lists(keys, min_size=1, max_size=3, unique_by=lambda key: (key["pk"]["S"], key["sk"]["S"]))
            )
            return "batch_get_item", {"RequestItems": {"runs": {"Keys": chosen}}}
    chosen = draw(st.lists(keys, min_size=1, max_size=3, unique_by=lambda key: (key["pk"]["S"], key["sk"]["S"])))
    parts = []
    for key in chosen:
        part = draw(st.sampled_from(["Put", "Update", "Delete", "ConditionCheck"]))
        about: dict[str, Any] = {"TableName": "runs"}
        condition = draw(st.sampled_from(CONDITIONS))
        match part:
            case "Put":
                about |= {"Item": {**key, **draw(attributes)}, **conditioned()}
            case "Update":
                about |= {"Key": key, "UpdateExpression": "SET #note = :v", **said("SET #note = :v")}
            case "Delete":
                about |= {"Key": key, **conditioned()}
            case _:
                about |= {"Key": key, "ConditionExpression": condition, **said(condition)}
        parts.append({part: about})
    return "transact_write_items", {"TransactItems": parts}


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    running = Running(tmp_path_factory.mktemp("like-moto") / "store")
    yield running
    running.close()


@settings(
    max_examples=30,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(asked=st.lists(requests(), min_size=1, max_size=12))
def test_the_same_requests_have_the_same_answers(ours: Running, asked: list[tuple[str, dict[str, Any]]]) -> None:
    name = f"runs-{uuid4().hex}"
    theirs: Any = boto3.client("dynamodb")
    theirs.create_table(**{**RUNS, "TableName": name})
    ours.services.dynamodb.install({**RUNS, "TableName": name})
    mine = ours.client("dynamodb")
    try:
        for operation, request in asked:
            request = _named(request, name)  # noqa: PLW2901
            if "TransactItems" not in request and "RequestItems" not in request:
                request["TableName"] = name
            try:
                expected = _answer(theirs, operation, request)
            except (TypeError, AttributeError):
                # moto fails where a condition compares values of two types; the example ends here.
                return
            answered = _answer(mine, operation, request)
            assert answered == expected, (operation, str(request)[:3000])
    finally:
        theirs.delete_table(TableName=name)


def _named(request: Any, name: str) -> Any:
    if isinstance(request, dict):
        return {
            (name if key == "runs" else key): name if key == "TableName" else _named(value, name)
            for key, value in request.items()
        }
    return [_named(each, name) for each in request] if isinstance(request, list) else request


def _answer(client: Any, operation: str, request: dict[str, Any]) -> Any:
    try:
        answer = getattr(client, operation)(**request)
    except ClientError as error:
        reasons = [reason["Code"] for reason in error.response.get("CancellationReasons", [])]
        return error.response["Error"]["Code"], reasons
    shown = {name: value for name, value in answer.items() if name not in _ONLY_ONES}
    for name in ("Items", "Responses"):
        if name in shown and operation in {"scan", "batch_get_item"}:
            shown[name] = sorted(repr(_plain(item)) for item in _items(shown[name]))
    return _plain(shown)


def _items(found: Any) -> list[Any]:
    return [item for items in found.values() for item in items] if isinstance(found, dict) else found


def _plain(value: Any) -> Any:
    """Sort sets, and give empty answers one form."""
    if isinstance(value, dict):
        return {
            name: sorted(content) if name in {"SS", "NS", "BS"} else _plain(content)
            for name, content in sorted(value.items())
            if not (name in {"UnprocessedKeys", "Attributes"} and not content)
        }
    return [_plain(each) for each in value] if isinstance(value, list) else value
