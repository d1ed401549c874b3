"""Puts events for the account on the stack's bus, in as few calls as its limits allow."""

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from jobs_api.aws.clients import BotoCoreError, ClientError, client
from jobs_api.recent import Recent

if TYPE_CHECKING:
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

ACCOUNT_SOURCE: Final = "jobs-api"
# https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
ENTRIES_PER_CALL: Final = 10
BYTES_PER_CALL: Final = 256 * 1024
# The size of an entry besides its detail: a time, a source and a type.
BYTES_BESIDE: Final = 256
# How long it is remembered that a bus has rules. That it has none is not remembered, so that a new rule gets every
# event.
RULES_SECONDS: Final = 60

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BusEntry:
    """An event as the bus takes it; `detail` is JSON."""

    detail_type: str
    at: datetime
    detail: str

    @property
    def size_bytes(self) -> int:
        """The size by which the bus may count this entry, at most."""
        return len(self.detail.encode()) + BYTES_BESIDE


class EntriesRefused(Exception):
    """The bus took the first `taken` entries of those it was given, and not the one after them."""

    def __init__(self, taken: int, reason: str) -> None:
        """Say how many were taken, and why no more."""
        super().__init__(f"the bus took {taken} events and refused the next: {reason}")
        self.taken = taken


def has_rules() -> bool:
    """Return whether the bus has a rule, which an archive is too; an event that no rule can match costs as much as any.

    True where the bus does not answer: then it is better to put an event on it too many.
    """
    try:
        return _rules.get(os.environ["EVENT_BUS"])
    except (BotoCoreError, ClientError):
        logger.warning("The rules of the bus could not be listed", exc_info=True)
        return True


def _lists_a_rule(bus: str) -> bool:
    return bool(client("events").list_rules(EventBusName=bus, Limit=1)["Rules"])


_rules: Final = Recent(_lists_a_rule, RULES_SECONDS, keeps=bool)


def put(entries: Sequence[BusEntry]) -> None:
    """Put entries on the bus, in their order.

    Raises:
        EntriesRefused: the bus answered, but did not take one. Some of those behind it may have been taken.
        BotoCoreError, ClientError: it did not answer, or refused a whole call.
    """
    taken = 0
    for some in _calls(entries):
        answer = client("events").put_events(Entries=[_entry(one) for one in some])
        if answer["FailedEntryCount"]:
            at, failed = next((at, one) for at, one in enumerate(answer["Entries"]) if "ErrorCode" in one)
            raise EntriesRefused(taken + at, failed["ErrorCode"])
        taken += len(some)


def _calls(entries: Sequence[BusEntry]) -> Iterator[list[BusEntry]]:
    some: list[BusEntry] = []
    for entry in entries:
        full = len(some) == ENTRIES_PER_CALL
        if some and (full or sum(other.size_bytes for other in some) + entry.size_bytes > BYTES_PER_CALL):
            yield some
            some = []
        some.append(entry)
    if some:
        yield some


def _entry(entry: BusEntry) -> "PutEventsRequestEntryTypeDef":
    return {
        "Source": ACCOUNT_SOURCE,
        "DetailType": entry.detail_type,
        "Detail": entry.detail,
        "Time": entry.at,
        "EventBusName": os.environ["EVENT_BUS"],
    }
