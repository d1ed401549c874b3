"""Turns records of the tables' streams into events on the bus; where that fails, returns the record to begin with."""

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs_api.account_events.details import AccountEvent, JobNews, RunNews, job_news, run_news
from jobs_api.aws import account_bus
from jobs_api.aws.account_bus import BusEntry, EntriesRefused
from jobs_api.aws.clients import client
from jobs_api.store.stream_images import job_images, run_images
from jobs_api.store.subject_names import names_of

logger = logging.getLogger(__name__)

type StreamRecord = Mapping[str, Any]


@dataclass(frozen=True)
class _Change:
    """A change that a record of the stream reports."""

    sequence_number: str
    news: RunNews | JobNews


def publish_records(records: Sequence[StreamRecord]) -> str | None:
    """Put on the bus what these records of one shard say; return the sequence number to begin with, None when done.

    Nothing is put on a bus without rules.

    Raises what a table or the bus raises where nothing was put on it; Lambda then delivers the whole batch again.
    """
    changes = [_Change(_number(record), news) for record in records for news in _read_record(record)]
    if not changes or not account_bus.has_rules():
        return None
    names = names_of(change.news.address for change in changes)
    events = [change.news.event(names) for change in changes]
    try:
        account_bus.put([_entry(event) for event in events])
    except EntriesRefused as error:
        logger.warning("The bus refused an event; the stream delivers it again", exc_info=True)
        return changes[error.taken].sequence_number
    return None


def _read_record(record: StreamRecord) -> list[RunNews | JobNews]:
    """Read a record. An unreadable one is logged and skipped: otherwise its stream would wait for it for a day."""
    try:
        if f":table/{os.environ['RUNS_TABLE']}/stream/" in record["eventSourceARN"]:
            return list(run_news(run_images(record)))
        return list(job_news(job_images(record)))
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        logger.exception("a record of a stream cannot be read")
        client("sqs").send_message(QueueUrl=os.environ["DEAD_EVENTS"], MessageBody=_record_identity(record))
        return []


def _record_identity(record: StreamRecord) -> str:
    """Return which item the record is about, without its content, which may be secret and long."""
    change = record.get("dynamodb") or {}
    return json.dumps(
        {
            "stream": record.get("eventSourceARN"),
            "sequence_number": change.get("SequenceNumber"),
            "keys": change.get("Keys"),
            "event": record.get("eventName"),
        }
    )


def _number(record: StreamRecord) -> str:
    number: str = record["dynamodb"]["SequenceNumber"]
    return number


def _entry(event: AccountEvent) -> BusEntry:
    return BusEntry(event.detail_type, event.at, event.detail.model_dump_json())
