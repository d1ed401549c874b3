"""Names the operator who runs jobsctl, for the audit log."""

from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from jobs_api.ids import new_id
from jobs_api.model.actor import Actor
from jobs_api.model.audit import AuditAction, StoredEntry, WrittenBy, entry

# No token has this id, which is shorter than theirs. It is also the name of an operator whom AWS does not know.
JOBSCTL: Final = "jobsctl"
SECONDS: Final = 3


def entry_of(
    action: AuditAction, organization_id: str, target: str, *, once: str | None = None, project_id: str | None = None
) -> StoredEntry:
    """Make the audit log's entry of what the operator does now; every call counts as a request of its own."""
    by = WrittenBy(actor=operator(), at=datetime.now(UTC), request_id=new_id())
    return entry(by, action, organization_id, target, once=once, project_id=project_id)


@cache
def operator() -> Actor:
    """Return who runs jobsctl: the IAM user, or the role and session, of the credentials it uses."""
    # Everyone may ask this, whatever their policies say.
    # https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    settings = Config(connect_timeout=SECONDS, read_timeout=SECONDS, retries={"total_max_attempts": 1})
    client: Any = boto3.client("sts", config=settings)
    try:
        arn = str(client.get_caller_identity()["Arn"])
    except (BotoCoreError, ClientError, ResponseParserError):
        return Actor(token_id=JOBSCTL, name=JOBSCTL)
    return Actor(token_id=JOBSCTL, name=name_of(arn))


def name_of(arn: str) -> str:
    """Return the name in the ARN of a caller: `alice` of `user/alice`, `Admin/alice` of `assumed-role/Admin/alice`."""
    resource = arn.rpartition(":")[2]
    return resource.removeprefix("user/").removeprefix("assumed-role/") or JOBSCTL
