"""The queue messages that say when the next pass over an organization is due.

A pass sends a pulse, with its generation and the delay until it is due. Other modules request a pass now, and a sync
of the CronJobs whose job or project has changed. Such a request only makes a pass sooner: a later pass finds what a
lost message was about. So a request of a user succeeds also where the queue is down.
"""

import json
import logging
import os
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import batched
from math import ceil
from typing import TYPE_CHECKING, Any, Final

from jobs_api.aws.clients import BotoCoreError, ClientError, client
from jobs_api.model.carried_text import CarriedText

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
LONGEST_DELAY_SECONDS: Final = 900
ENTRIES_PER_CALL: Final = 10
_NOT_ASKED: Final = "The queue did not take the request for a pass; the next pass finds the change"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PulseMessage:
    """A message on the queue: the pulse of a `generation`, or a request for a pass at `asked_at`.

    With `changed`, the CronJobs of that project, or of that job of it, are made to match first; where neither is
    named, those of the whole organization. With `if_overdue` it is a spare: a pass is made only if the one that was
    due by then has not begun, because its pulse was lost. With `announces` it is the pulse of a pass that, as it
    begins, announces the next one, since runs are open and the last pass was short. `carried` are texts of logs from
    the pass that sent it.
    """

    organization_id: str
    generation: int | None = None
    asked_at: datetime | None = None
    changed: bool = False
    project_id: str | None = None
    job_id: str | None = None
    if_overdue: bool = False
    announces: bool = False
    carried: tuple[CarriedText, ...] = ()

    @classmethod
    def of_json(cls, text: str) -> "PulseMessage":
        """Read a message; raises ValueError, KeyError, TypeError or RecursionError for any other text.

        A text of a log that cannot be read, because another release wrote it, is left out: the pass is to be made.
        """
        document = json.loads(text)
        if not isinstance(document, dict):
            raise TypeError("a message is an object")
        ids = [document["organization_id"], document.get("project_id", ""), document.get("job_id", "")]
        generation, asked_at = document.get("generation"), document.get("asked_at")
        if not all(isinstance(one, str) for one in ids):
            raise TypeError("ids are texts")
        if (generation is None) is (asked_at is None) or type(generation) not in {int, type(None)}:
            raise TypeError("a message has either a generation, which is a number, or `asked_at`")
        asked = datetime.fromisoformat(asked_at).astimezone(UTC) if asked_at is not None else None
        return cls(
            ids[0],
            generation,
            asked,
            changed=bool(document.get("changed")),
            project_id=ids[1] or None,
            job_id=ids[2] or None,
            if_overdue=bool(document.get("if_overdue")),
            announces=bool(document.get("announces")),
            carried=tuple(_carried(document.get("carried"))),
        )

    @classmethod
    def of_record(cls, record: dict[str, Any]) -> "PulseMessage":
        """Read one as Lambda hands it over; raises what `of_json` raises.

        A message that was asked for long before it was sent comes from a process whose clock is behind. The queue's
        time counts then: else a pass that was made before would seem to be the one that is asked for.
        """
        message = cls.of_json(record["body"])
        sent = record.get("attributes", {}).get("SentTimestamp")
        if message.asked_at is None or sent is None:
            return message
        return replace(message, asked_at=max(message.asked_at, datetime.fromtimestamp(int(sent) / 1000, UTC)))

    @property
    def json(self) -> str:
        """The message's body."""
        document: dict[str, Any] = {"organization_id": self.organization_id}
        if self.generation is not None:
            document["generation"] = self.generation
        if self.asked_at is not None:
            document["asked_at"] = self.asked_at.isoformat()
        if self.changed:
            named = {"project_id": self.project_id, "job_id": self.job_id}
            document |= {"changed": True} | {name: value for name, value in named.items() if value}
        if self.if_overdue:
            document["if_overdue"] = True
        if self.announces:
            document["announces"] = True
        if self.carried:
            document["carried"] = [one.as_json for one in self.carried]
        return json.dumps(document)


def _carried(texts: object) -> Iterator[CarriedText]:
    for one in texts if isinstance(texts, list) else []:
        try:
            yield CarriedText.of_json(one)
        except (ValueError, TypeError) as error:
            logger.warning("A text of a log that came with a message cannot be read: %s", error)


def job_changed(organization_id: str, project_id: str, job_id: str) -> None:
    """Request a sync: a job was created, changed or deleted."""
    _try_to_ask(PulseMessage(organization_id, None, _now(), changed=True, project_id=project_id, job_id=job_id))


def project_changed(organization_id: str, project_id: str) -> None:
    """Request a sync: a project was deployed, suspended, changed or deleted."""
    _try_to_ask(PulseMessage(organization_id, None, _now(), changed=True, project_id=project_id))


def organization_changed(organization_id: str) -> None:
    """Request a sync: something changed on which all CronJobs of an organization depend."""
    _try_to_ask(PulseMessage(organization_id, None, _now(), changed=True))


def run_triggered(organization_id: str) -> None:
    """Request a pass: there is a new run."""
    _try_to_ask(PulseMessage(organization_id, None, _now()))


def run_cancelled(organization_id: str) -> None:
    """Request a pass: there is a run to end."""
    _try_to_ask(PulseMessage(organization_id, None, _now()))


def ask_later(message: PulseMessage, delay: timedelta) -> bool:
    """Send a request that is to be handled after a delay; return whether the queue took it.

    Where it did not, the next tick asks for a pass.
    """
    return _try_to_ask(message, delay, "The queue did not take a request for a later pass; the next tick asks for one")


def send_pulse(pulse: PulseMessage, delay: timedelta, spare_after: timedelta | None = None) -> bool:
    """Send the next pulse, and with `spare_after` a spare in the same call, in case this pulse or the next is lost.

    Return whether the queue took both. Where it does not take the pulse, the next tick requests the pass.
    """
    messages = [(pulse, delay)]
    if spare_after is not None:
        spare = PulseMessage(pulse.organization_id, asked_at=_now() + spare_after, if_overdue=True)
        messages.append((spare, spare_after))
    entries = [
        {"Id": str(at), **_entry(message, later), "MessageSystemAttributes": _untraced()}
        for at, (message, later) in enumerate(messages)
    ]
    try:
        failed = _client().send_message_batch(QueueUrl=_url(), Entries=entries).get("Failed")  # type: ignore[arg-type]
    except (BotoCoreError, ClientError):
        logger.warning("The queue did not take a pulse; the next tick asks for the pass", exc_info=True)
        return False
    if failed:
        logger.warning("The queue did not take a pulse; its spare or the next tick asks for the pass: %s", failed)
    return not failed


def ask_for_all(organization_ids: Iterable[str], asked_at: datetime) -> None:
    """Request a pass over each organization; raises what SQS raises, and QueueRefused where it refuses some."""
    refused = 0
    for some in batched(organization_ids, ENTRIES_PER_CALL, strict=False):
        messages = [PulseMessage(organization_id, None, asked_at) for organization_id in some]
        entries = [{"Id": str(at), **_entry(message)} for at, message in enumerate(messages)]
        answer = _client().send_message_batch(QueueUrl=_url(), Entries=entries)  # type: ignore[arg-type]
        refused += len(answer.get("Failed", []))
    if refused:
        raise QueueRefused(f"no pass could be requested for {refused} organizations")


class QueueRefused(Exception):
    """The queue answered, but did not take all of the messages."""


def _try_to_ask(message: PulseMessage, delay: timedelta = timedelta(), otherwise: str = _NOT_ASKED) -> bool:
    """Send a request; return whether the queue took it, and log `otherwise` where it did not.

    Requests of one organization are a group: where they keep the function busy, SQS hands out pulses and the requests
    of other organizations first. A group adds a quarter to the price of a message, so pulses have none.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
    """
    try:
        _client().send_message(**_entry(message, delay), MessageGroupId=message.organization_id, QueueUrl=_url())
    except (BotoCoreError, ClientError):
        logger.warning(otherwise, exc_info=True)
        return False
    return True


def _entry(message: PulseMessage, delay: timedelta = timedelta()) -> dict[str, Any]:
    seconds = min(LONGEST_DELAY_SECONDS, max(0, ceil(delay.total_seconds())))
    return {"MessageBody": message.json, "DelaySeconds": seconds}


def _untraced() -> dict[str, Any]:
    """Return the header that ends a trace: otherwise all passes that follow each other would be one endless trace.

    A traced request passes its trace on to the pass that it requests.
    https://docs.aws.amazon.com/xray/latest/devguide/xray-services-sqs.html
    """
    header = f"Root=1-{int(_now().timestamp()):08x}-{secrets.token_hex(12)};Sampled=0"
    return {"AWSTraceHeader": {"DataType": "String", "StringValue": header}}


def _now() -> datetime:
    return datetime.now(UTC)


def _url() -> str:
    return os.environ["PULSE_QUEUE"]


def _client() -> "SQSClient":
    return client("sqs")
