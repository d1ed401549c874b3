"""Turns a call of botocore into the IAM actions it needs, and on which resources.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from local.intrinsics import ACCOUNT, REGION

# A transaction and a batch need the permissions of their parts.
TRANSACTED = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}

READ = {"GetObject": "GetObject", "HeadObject": "GetObject"}


# Actions are methods, and resources are paths.
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonapigatewaymanagement.html
GATEWAY = {
    "GetApiKey": ("GET", "/apikeys/{apiKey}"),
    "GetApiKeys": ("GET", "/apikeys"),
    "CreateApiKey": ("POST", "/apikeys"),
    "DeleteApiKey": ("DELETE", "/apikeys/{apiKey}"),
    "CreateUsagePlanKey": ("POST", "/usageplans/{usagePlanId}/keys"),
}


class Asked(NamedTuple):
    """An action on a resource; `leading_key` is the partition of a call on a table, if it is one."""

    action: str
    resource: str
    leading_key: str | None = None


def asked(service: str, operation: str, arguments: Mapping[str, Any]) -> Iterator[Asked]:
    """Yield the actions that a call needs; raises NotImplementedError for a call that no function has made so far."""
    match service:
        case "dynamodb":
            yield from _of_table(operation, arguments)
        case "s3":
            yield from _of_bucket(operation, f"arn:aws:s3:::{arguments['Bucket']}", arguments)
        case "events":
            yield from _of_bus(operation, arguments)
        case "sqs":
            name = arguments["QueueUrl"].rpartition("/")[2]
            yield Asked(f"sqs:{operation.removesuffix('Batch')}", _arn("sqs", name))
        case "eks":
            yield Asked(f"eks:{operation}", _arn("eks", f"cluster/{arguments['name']}"))
        case "kms":
            # There is one key, and a ciphertext does not have the key's name in clear text.
            yield Asked(f"kms:{operation}", "the key")
        case "secretsmanager":
            # Secrets Manager adds six characters to each ARN.
            name = arguments.get("SecretId") or arguments["Name"]
            yield Asked(f"secretsmanager:{operation}", _arn("secretsmanager", f"secret:{name}-AbCdEf"))
        case "sts" if operation == "GetCallerIdentity":
            # No policy can forbid it.
            return
        case _:
            yield _of_an_operator(service, operation, arguments)


def _of_bus(operation: str, arguments: Mapping[str, Any]) -> Iterator[Asked]:
    if operation == "ListRules":
        # These actions have no resources: https://docs.aws.amazon.com/IAM/latest/UserGuide/list_amazoneventbridge.html
        yield Asked("events:ListRules", "*")
        return
    for name in {entry["EventBusName"] for entry in arguments["Entries"]}:
        yield Asked(f"events:{operation}", _arn("events", f"event-bus/{name}"))


def _of_an_operator(service: str, operation: str, arguments: Mapping[str, Any]) -> Asked:
    if service == "apigateway":
        method, path = GATEWAY[operation]
        return Asked(f"apigateway:{method}", f"arn:aws:apigateway:{REGION}::{path.format_map(arguments)}")
    if service == "cloudformation":
        return Asked(f"cloudformation:{operation}", _arn("cloudformation", f"stack/{arguments['StackName']}/an-id"))
    raise NotImplementedError(f"which action does {service} {operation} need?")


def _of_bucket(operation: str, bucket: str, arguments: Mapping[str, Any]) -> Iterator[Asked]:
    """Without s3:ListBucket, S3 answers 403 instead of 404 for a missing key, so reads need it.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html, and API_HeadObject.html beside it
    """
    if operation == "ListObjectsV2":
        yield Asked("s3:ListBucket", bucket)
    elif operation == "DeleteObjects":
        for each in arguments["Delete"]["Objects"]:
            yield Asked("s3:DeleteObject", f"{bucket}/{each['Key']}")
    else:
        yield Asked(f"s3:{READ.get(operation, operation)}", f"{bucket}/{arguments['Key']}")
    if operation in READ:
        yield Asked("s3:ListBucket", bucket)


def _of_table(operation: str, arguments: Mapping[str, Any]) -> Iterator[Asked]:
    if operation == "TransactWriteItems":
        for part in arguments["TransactItems"]:
            ((kind, write),) = part.items()
            yield Asked(f"dynamodb:{TRANSACTED[kind]}", _table(write["TableName"]), _key(write))
    elif operation in {"BatchGetItem", "BatchWriteItem"}:
        for name in arguments["RequestItems"]:
            yield Asked(f"dynamodb:{operation}", _table(name))
    elif "IndexName" in arguments:
        yield Asked(f"dynamodb:{operation}", f"{_table(arguments['TableName'])}/index/{arguments['IndexName']}")
    elif "TableName" in arguments:
        yield Asked(f"dynamodb:{operation}", _table(arguments["TableName"]), _key(arguments))
    else:
        raise NotImplementedError(f"on which table is dynamodb {operation}?")


def _key(call: Mapping[str, Any]) -> str | None:
    if "KeyConditionExpression" in call:
        # PynamoDB writes the condition on the partition key first.
        return str(call["ExpressionAttributeValues"][":0"]["S"])
    item = call.get("Key") or call.get("Item") or {}
    value = item.get("pk") or item.get("run_id") or item.get("id")
    return value.get("S") if isinstance(value, Mapping) else value


def _table(name: str) -> str:
    return _arn("dynamodb", f"table/{re.sub(r'^arn:.*:table/', '', name)}")


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"
