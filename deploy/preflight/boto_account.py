"""Calls AWS through boto3."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import boto3
from botocore.exceptions import ClientError

from deploy.preflight.findings import Missing

# The error codes by which each service says that a resource does not exist, or that an id is malformed.
MISSING: Final = {
    "InvalidGroup.NotFound",
    "InvalidGroupId.Malformed",
    "InvalidInput",
    "InvalidSubnetID.Malformed",
    "InvalidSubnetID.NotFound",
    "InvalidVpcEndpointId.Malformed",
    "InvalidVpcEndpointId.NotFound",
    "NoSuchEntity",
    "NoSuchHostedZone",
    "NotFound",
    "NotFoundException",
    "ResourceNotFoundException",
    "WAFNonexistentItemException",
}


class BotoAws:
    """The account of boto3's default session, which SAM sets from --profile and --region."""

    def ask(self, service: str, operation: str, **parameters: Any) -> Mapping[str, Any]:
        """Return the answer of a reading call, all pages together."""
        client = _client(service)
        try:
            if client.can_paginate(operation):
                answer: Mapping[str, Any] = client.get_paginator(operation).paginate(**parameters).build_full_result()
                return answer
            answer = getattr(client, operation)(**parameters)
        except ClientError as error:
            if error.response["Error"]["Code"] in MISSING:
                raise Missing(error.response["Error"]["Message"]) from error
            raise
        return answer


@cache
def _client(service: str) -> Any:
    make: Any = boto3.client
    return make(service)
