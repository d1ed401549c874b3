"""When a failed delivery is tried again: exponential backoff with full jitter, for a day.

https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
"""

import random
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

FIRST: Final = timedelta(seconds=20)
LONGEST_PAUSE: Final = timedelta(hours=6)
GIVE_UP_AFTER: Final = timedelta(hours=24)
# A second attempt that is made sooner would fail like the first.
SHORTEST: Final = timedelta(seconds=1)
# A longer text is neither a number of seconds nor a date.
MOST_DIGITS: Final = 9
LONGEST_DATE: Final = 100


def next_attempt(
    attempts: int,
    now: datetime,
    give_up_at: datetime,
    retry_after: timedelta | None = None,
    chance: float | None = None,
) -> datetime | None:
    """Return when to try again after `attempts` failures; None when it is time to give up.

    Args:
        attempts: how many there were, from 1.
        now: when the last one failed.
        give_up_at: after this time there are no more attempts.
        retry_after: what the receiver asked for; the wait is that long, but one last attempt is at `give_up_at`.
        chance: between 0 and 1, for the jitter; random where it is not given.
    """
    if now >= give_up_at:
        return None
    most = min(LONGEST_PAUSE, FIRST * (1 << min(attempts - 1, 20)))
    drawn = random.random() if chance is None else chance  # noqa: S311 - it spreads load and protects nothing
    wait = max(SHORTEST, most * drawn, retry_after or SHORTEST)
    return min(now + wait, give_up_at)


def asked_for(retry_after: str | None, now: datetime) -> timedelta | None:
    """Read a Retry-After: seconds, or a date; https://www.rfc-editor.org/rfc/rfc9110#field.retry-after.

    Returns:
        How long to wait, at most until the last attempt; None where the value is neither seconds nor a date.
    """
    said = (retry_after or "").strip()
    if said.isascii() and said.isdecimal():
        return GIVE_UP_AFTER if len(said) > MOST_DIGITS else min(timedelta(seconds=int(said)), GIVE_UP_AFTER)
    try:
        until = parsedate_to_datetime(said[:LONGEST_DATE])
        wait = (until if until.tzinfo else until.replace(tzinfo=UTC)) - now
    except OverflowError:
        # With its zone, the date is beyond what datetime can count; a date long past reads like one far ahead.
        return GIVE_UP_AFTER
    except (AttributeError, IndexError, TypeError, ValueError):
        return None
    return min(max(timedelta(0), wait), GIVE_UP_AFTER)
