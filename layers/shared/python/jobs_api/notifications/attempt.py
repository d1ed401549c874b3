"""The result of one attempt to deliver."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from jobs_api.model.document import Absent, Document
from jobs_api.redaction.masking import shown


@dataclass(frozen=True)
class Sent:
    """The result of an attempt: delivered; failed with an `error`, finally where `permanent`; or not tried yet.

    `retry_after` is what the receiver asked for. With `postponed_until` nothing was sent.
    """

    delivered: bool = False
    status_code: int | None = None
    error: str | None = None
    permanent: bool = False
    retry_after: timedelta | None = None
    postponed_until: datetime | None = None


class TestResult(Document):
    """The result of one test; `answer` is the beginning of the receiver's answer."""

    __test__ = False  # its name begins with Test, so pytest would collect it

    delivered: bool
    status_code: Absent[int] = None
    error: Absent[str] = None
    answer: Absent[str] = None

    @classmethod
    def of(cls, sent: Sent, answer: str = "") -> Self:
        """Return the result of an attempt, with the receiver's answer, in which secrets are masked."""
        error = shown(sent.error) if sent.error else None
        return cls(delivered=sent.delivered, status_code=sent.status_code, error=error, answer=answer or None)
