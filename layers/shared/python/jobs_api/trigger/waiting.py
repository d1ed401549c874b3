"""Decides whether a run that waits for its Job may be launched now, and when to look again. Facts in, decision out."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from jobs_api.model.run import Run

# For how long a launch is repeated.
LAUNCH_FOR: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Launchable:
    """Whether a run may be launched now; where not, `again_at` is when it may be, if that is known."""

    now: bool
    again_at: datetime | None = None


def launchable(run: Run, now: datetime) -> Launchable:
    """Decide about a run that has no Job yet."""
    if run.launch_after and now < run.launch_after:
        return Launchable(now=False, again_at=run.launch_after)
    return Launchable(now=True)


def allowed_since(run: Run) -> datetime:
    """Return since when a run may be launched; LAUNCH_FOR counts from then."""
    return run.launch_after or run.created_at
