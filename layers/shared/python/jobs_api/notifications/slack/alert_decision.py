"""The decision about an event of a run and its delivery to a Slack channel, and the facts that decide it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from jobs_api.model.alert_targets import Event
from jobs_api.notifications.slack.memory import Member


class AlertKind(StrEnum):
    """The kinds of message."""

    FAILING = "failing"
    REMINDER = "reminder"
    RECOVERED = "recovered"
    SUCCESS = "success"
    LATE = "late"
    LONG = "long"
    AWAITED = "awaited"


class Action(StrEnum):
    """The action on one delivery."""

    SEND = "send"
    WAIT = "wait"
    FOLD = "fold"


@dataclass(frozen=True)
class Fact:
    """A run has ended, or was found late or long; `now` is when the message about that arrives.

    `cause` is the same text for failures of one cause. With `succeeded_since`, a newer run of the job has succeeded,
    perhaps without a message to the channel: then a failure before it gets none. With `awaited`, the channel was told
    while the run was open that it was late or took long.
    """

    delivery_id: str
    member: Member
    event: Event
    ended_at: datetime
    now: datetime
    cause: str = ""
    succeeded_since: bool = False
    awaited: bool = False
    tells_failures: bool = True
    tells_successes: bool = False


@dataclass(frozen=True)
class AlertDecision:
    """The decision about a delivery: send it as `kind`, decide again at `until`, or fold it, perhaps `into` another.

    Where `quiet`, there is nothing to say, and the delivery need not be recorded.
    """

    action: Action
    kind: AlertKind | None = None
    until: datetime | None = None
    into: str | None = None
    because: str | None = None
    quiet: bool = False


def folded(because: str, into: str | None = None) -> AlertDecision:
    """Return the decision to send no message for a delivery."""
    return AlertDecision(Action.FOLD, into=into, because=because)
