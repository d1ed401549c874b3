"""The bucket of logs: its client, how an object is written, and how all of an organization's are removed."""

import os
from collections.abc import Mapping
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from jobs_api.aws.clients import client
from jobs_api.errors import JobsApiError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TEXT: Final = "text/plain; charset=utf-8"


class PurgeRefused(JobsApiError):
    """S3 did not remove all objects."""


def purge(organization_id: str) -> int:
    """Remove every log and artifact of an organization; return how many. Only operators do this; functions may not."""
    purged = 0
    bucket = os.environ["LOGS_BUCKET"]
    list_objects = bucket_client().get_paginator("list_objects_v2")
    prefixes = (f"{kind}/{organization_id}/" for kind in ("logs", "parts", "artifacts", "downloads"))
    for page in chain.from_iterable(list_objects.paginate(Bucket=bucket, Prefix=prefix) for prefix in prefixes):
        keys = [found["Key"] for found in page.get("Contents", [])]
        if not keys:
            continue
        answer = bucket_client().delete_objects(
            Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True}
        )
        if answer.get("Errors"):
            raise PurgeRefused(f"S3 left {len(answer['Errors'])} of {len(keys)} objects: {answer['Errors'][0]}")
        purged += len(keys)
    return purged


def put_object(key: str, content: Any, metadata: Mapping[str, str] = MappingProxyType({})) -> None:
    """Store compressed text."""
    bucket_client().put_object(
        Bucket=os.environ["LOGS_BUCKET"],
        Key=key,
        Body=content,
        ContentType=TEXT,
        ContentEncoding="gzip",
        Metadata=dict(metadata),
    )


def bucket_client() -> "S3Client":
    """Return the client of S3."""
    return client("s3")
