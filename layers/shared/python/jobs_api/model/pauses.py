"""Pauses of a job or a project: until a time its slots do not run, and nothing makes up for them afterwards.

A slot at the very second of `paused_until` runs. Times are whole seconds, as slots are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, Field, WithJsonSchema

from jobs_api.errors import Fault
from jobs_api.model.document import NO_SUCH_TIME, Timestamp, check_rfc3339, check_year, rfc3339

LONGEST_PAUSED: Final = timedelta(days=366)
LONGEST_PAUSE_REASON: Final = 255
A_SECOND: Final = timedelta(seconds=1)
A_TIME: Final = "a time with its offset, such as 2026-04-28T02:00:00Z"


def _read_end(value: object) -> object:
    """Read what a client sent; a fraction of a second is dropped, since no slot has one."""
    if isinstance(value, datetime) or value is None:
        return value
    if not isinstance(value, str):
        raise ValueError(f"must be {A_TIME}")  # noqa: TRY004 - pydantic reports a ValueError
    check_rfc3339(value)
    try:
        moment = datetime.fromisoformat(value.upper())
    except ValueError as error:
        raise ValueError(NO_SUCH_TIME) from error
    return check_year(moment).astimezone(UTC).replace(microsecond=0)


PauseEnd = Annotated[Timestamp, BeforeValidator(_read_end), WithJsonSchema({"type": "string", "format": "date-time"})]
PauseReason = Annotated[str, Field(max_length=LONGEST_PAUSE_REASON)]


@dataclass(frozen=True)
class Pause:
    """A pause that is in effect: the first second after it, and why it was made, as far as anybody said."""

    until: datetime
    reason: str | None = None

    @classmethod
    def at(cls, until: datetime | None, reason: str | None, now: datetime) -> Self | None:
        """Return the pause of these settings if it is in effect at a time."""
        return cls(until, reason) if until and until > now else None

    @property
    def last_second(self) -> datetime:
        """The last second in it, after which schedules fire again."""
        return self.until - A_SECOND


def end_faults(value: object, now: datetime) -> list[Fault]:
    """Return what is wrong with the end of a pause in relation to the present time.

    What is no time at all is a fault of the field, which validation reports.
    """
    until = pause_end(value)
    if until is None:
        return []
    if until <= now:
        message = f"is in the past ({rfc3339(until)}); name a time to come, or null to end the pause"
    elif until > now + LONGEST_PAUSED:
        latest = rfc3339(now + LONGEST_PAUSED)
        message = f"is too far ahead: a pause lasts at most {LONGEST_PAUSED.days} days, until {latest}"
    else:
        return []
    return [Fault("paused_until", message)]


def pause_end(value: object) -> datetime | None:
    """Return the end of a pause as a client sent it, None where it is no time."""
    try:
        read = _read_end(value)
    except (ValueError, OverflowError):
        return None
    return read if isinstance(read, datetime) else None


def without_what_is_over(
    changes: Mapping[str, Any], reasons: Mapping[datetime, str | None], present_reason: str | None
) -> dict[str, Any]:
    """Return changes of settings without a pause that is over, and with what follows from the end of one.

    A client that sends back an answer from during the pause does not ask for anything. One that ends the pause with
    null ends its reason too, unless it gives another one.

    Args:
        changes: what was sent.
        reasons: the pauses that are over and known, by their ends, with their reasons.
        present_reason: the reason of the present pause, None where there is none.
    """
    remaining = dict(changes)
    if "paused_until" not in remaining:
        return remaining
    if remaining["paused_until"] is None:
        if remaining.get("pause_reason", present_reason) == present_reason:
            remaining["pause_reason"] = None
        return remaining
    until = pause_end(remaining["paused_until"])
    if until and until in reasons:
        del remaining["paused_until"]
        if remaining.get("pause_reason") in {None, reasons[until]}:
            remaining.pop("pause_reason", None)
    return remaining


def check_reason(reason: str | None, others: Mapping[str, Any]) -> str | None:
    """Return the reason of a pause, None for an empty one; raises ValueError where there is no pause.

    `others` are the valid fields before it. Where `paused_until` is not among them, it has a fault of its own.
    """
    if reason and "paused_until" in others and others["paused_until"] is None:
        raise ValueError("needs paused_until: a reason is given for a pause that lasts until a time")
    return reason or None
