"""How one attempt to deliver went."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from jobs_api.model.document import Absent, Document
from jobs_api.redaction.masking import shown


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


class TestResult(Document):
    """How one test went; `answer` is how the receiver's own answer begins."""

    __test__ = False  # pytest takes every Test… for one of its own

    delivered: bool
    status_code: Absent[int] = None
    error: Absent[str] = None
    answer: Absent[str] = None

    @classmethod
    def of(cls, sent: Sent, answer: str = "") -> Self:
        """Return it of an attempt, and of what the receiver answered with its secrets masked."""
        error = shown(sent.error) if sent.error else None
        return cls(delivered=sent.delivered, status_code=sent.status_code, error=error, answer=answer or None)
