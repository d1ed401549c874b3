"""`Idempotency-Key`: for 24 hours, a repeated request gets the answer of the first one.

Powertools stores the answers. It cannot store an answer in the same step as the write of the request. So the ids of
what such a request creates are derived from the request (`Api.new_id`): if a process dies in between, the next try
finds what the first one created.
"""

import base64
import hashlib
import json
import os
import re
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyPersistenceLayerError,
    IdempotencyValidationError,
)
from aws_lambda_powertools.utilities.typing import LambdaContext

from jobs_api.aws.clients import client
from jobs_api.errors import KeyReused, StillInProgress

A_DAY = 24 * 60 * 60
# A webhook's signing secret or a token, which its owner sees once. In a stored answer it is replaced by this character,
# which JSON holds only as an escape.
_SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=|jat_[0-9a-z]{1,32}_[0-9A-Za-z_-]{43}")
_HIDDEN = "\0"
# DynamoDB takes items of 400 KB at most. A longer body is kept compressed.
_LONG_BYTES = 50_000

type StoredAnswer = dict[str, Any]


class _NotKept(Exception):
    def __init__(self, answer: StoredAnswer) -> None:
        super().__init__("only 2xx answers are kept")
        self.answer = answer


def once(key: str, scope: str, body: str, answer: Callable[[], StoredAnswer], context: LambdaContext) -> StoredAnswer:
    """Return `answer()`, or what it returned the first time for this key in this scope.

    Args:
        key: the header's value.
        scope: organization, method and path; keys are separate for each.
        body: the request's body; another body with the same key is an error.
        answer: makes the answer, which is stored if its status is 2xx.
        context: its remaining time limits how long the first answer may take.

    Raises:
        KeyReused: the key came before with another body.
        StillInProgress: the first request with it has not ended.
    """
    config = IdempotencyConfig(
        event_key_jmespath="[scope, key]",
        payload_validation_jmespath="body",
        expires_after_seconds=A_DAY,
        raise_on_no_idempotency_key=True,
        hash_function="sha256",
    )
    config.register_lambda_context(context)
    made: StoredAnswer | None = None

    def kept(request: dict[str, str]) -> StoredAnswer:  # noqa: ARG001 - what Powertools takes the key from
        nonlocal made
        made = answer()
        if not 200 <= made["statusCode"] < 300:
            raise _NotKept(made)
        return _packed(_hidden(made, scope))

    guarded = idempotent_function(
        kept, data_keyword_argument="request", config=config, persistence_store=_answers(), key_prefix="answer"
    )
    try:
        kept_answer: StoredAnswer = guarded(request={"scope": scope, "key": key, "body": _digest(body)})
    except _NotKept as unkept:
        return unkept.answer
    except IdempotencyValidationError as error:
        raise KeyReused("This Idempotency-Key was used with another body; use a new key for a new request") from error
    except IdempotencyPersistenceLayerError:
        # Only storing the answer failed; the same request again finds what this one created, by its derived id.
        if made is None:
            raise
        return made
    except IdempotencyAlreadyInProgressError as error:
        raise StillInProgress("The first request with this Idempotency-Key is still in progress") from error
    return _shown(_unpacked(kept_answer), scope)


def _packed(answer: StoredAnswer) -> StoredAnswer:
    body = answer["body"].encode()
    if len(body) <= _LONG_BYTES:
        return answer
    return {**answer, "body": base64.b64encode(zlib.compress(body)).decode(), "packed": True}


def _unpacked(answer: StoredAnswer) -> StoredAnswer:
    if "packed" not in answer:
        return answer
    stored = {name: value for name, value in answer.items() if name != "packed"}
    return {**stored, "body": zlib.decompress(base64.b64decode(answer["body"])).decode()}


def _hidden(answer: StoredAnswer, scope: str) -> StoredAnswer:
    """Return an answer as it may be stored: a secret that is shown once is encrypted in it."""
    secrets = _SECRET.findall(answer["body"])
    if not secrets:
        return answer
    from jobs_api.aws import encryption  # noqa: PLC0415 - few answers hold a secret

    return {
        **answer,
        "body": _SECRET.sub(_HIDDEN, answer["body"]),
        "sealed": encryption.seal(json.dumps(secrets), scope=_digest(scope)),
    }


def _shown(answer: StoredAnswer, scope: str) -> StoredAnswer:
    """Return a stored answer as it was first given, byte for byte."""
    if "sealed" not in answer:
        return answer
    from jobs_api.aws import encryption  # noqa: PLC0415

    secrets = iter(json.loads(encryption.unseal(answer["sealed"], scope=_digest(scope))))
    shown = {name: value for name, value in answer.items() if name != "sealed"}
    return {**shown, "body": re.sub(_HIDDEN, lambda _: next(secrets), answer["body"])}


@cache
def _answers() -> DynamoDBPersistenceLayer:
    return DynamoDBPersistenceLayer(table_name=os.environ["IDEMPOTENCY_TABLE"], boto3_client=client("dynamodb"))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
