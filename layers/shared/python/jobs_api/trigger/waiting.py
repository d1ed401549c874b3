"""Decides whether a run that waits for its Job may be launched now, and when to look again. Facts in, decision out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from jobs_api.model.run import Run

# How long a launch is repeated.
LAUNCH_FOR: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Launchable:
    """Whether a run may be launched now; where not, `again_at` is when it may be, if that is known."""

    now: bool
    again_at: datetime | None = None


def launchable(run: Run, now: datetime, others: Iterable[Run] = ()) -> Launchable:
    """Decide about a run that has no Job yet; `others` are runs of its job, which count if it waits for them."""
    if run.launch_after and now < run.launch_after:
        return Launchable(now=False, again_at=run.launch_after)
    given_up_at = allowed_since(run) + LAUNCH_FOR
    if run.waits and now < given_up_at and any(goes_first(other, run) for other in others):
        return Launchable(now=False, again_at=given_up_at)
    return Launchable(now=True)


def goes_first(other: Run, run: Run) -> bool:
    """Return whether another run of the job must end before a waiting one starts.

    Each open run must, however it was started, but those that wait too and were requested later.
    """
    if other.id == run.id or other.status.ended:
        return False
    return not other.waits or _queue_position(other) < _queue_position(run)


def _queue_position(run: Run) -> tuple[datetime, str]:
    return run.created_at, run.id


def allowed_since(run: Run) -> datetime:
    """Return since when a run may be launched; LAUNCH_FOR counts from then."""
    return run.launch_after or run.created_at
