"""Loses, doubles and delays messages on the pulse queue, so that some overtake others.

A queue of AWS may deliver a message twice and in any order; one that is lost here stands for what a send that was
answered may still meet: a function that dies with the message, or a purge.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html
"""

import hashlib
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from local.emulator.sqs import SQS
from tests.soak.trouble import Trouble

type Request = Mapping[str, Any]
type Send = Callable[[SQS, str, list[Request]], list[dict[str, Any]]]

KINDS = {"lost": 3, "doubled": 3, "overtaken": 3, "minutes late": 1}
OVERTAKEN_SECONDS, LATE_SECONDS = 4, 120


def install(trouble: Trouble, queue: str) -> None:
    """Cause trouble to what is sent to the queue of this name from now on, by functions and by the stack alike."""
    # Both kinds of sends call this private method; no public one is common to them.
    send: Send = SQS._send

    def troubled(sqs: SQS, name: str, messages: list[Request]) -> list[dict[str, Any]]:
        if name != queue:
            return send(sqs, name, messages)
        return [answer for message in messages for answer in _one(sqs, name, message)]

    def _one(sqs: SQS, name: str, message: Request) -> list[dict[str, Any]]:
        match trouble.drawn(KINDS, "pulse"):
            case "lost":
                return [_accepted(message)]
            case "doubled":
                return send(sqs, name, [message, message])[:1]
            case "overtaken":
                return send(sqs, name, [_later(message, OVERTAKEN_SECONDS)])
            case "minutes late":
                return send(sqs, name, [_later(message, LATE_SECONDS)])
            case _:
                return send(sqs, name, [message])

    SQS._send = troubled  # type: ignore[method-assign, assignment]


def _later(message: Request, seconds: int) -> Request:
    return {**message, "DelaySeconds": int(message.get("DelaySeconds", 0)) + seconds}


def _accepted(message: Request) -> dict[str, Any]:
    digest = hashlib.md5(message["MessageBody"].encode(), usedforsecurity=False).hexdigest()
    return {"MessageId": str(uuid.uuid4()), "MD5OfMessageBody": digest}
