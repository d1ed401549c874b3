"""How one attempt to deliver went."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Sent:
    """An attempt's end: delivered; or failed with an `error`, for good where `permanent`; or not tried yet at all.

    `retry_after` is what the receiver asked for. With `postponed_until` nothing was sent.
    """

    delivered: bool = False
    status_code: int | None = None
    error: str | None = None
    permanent: bool = False
    retry_after: timedelta | None = None
    postponed_until: datetime | None = None
