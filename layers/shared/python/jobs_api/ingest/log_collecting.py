"""Looks at the logs of running commands in each pass, and says which of them are to be followed after it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from aws_lambda_powertools import Logger

from jobs_api.clock import Clock
from jobs_api.cluster import Cluster
from jobs_api.collecting import rules
from jobs_api.collecting.collector import Collector
from jobs_api.collecting.following import Following
from jobs_api.collecting.parts import Parts
from jobs_api.collecting.rules import Growth
from jobs_api.errors import ClusterError
from jobs_api.ingest import piece_reading
from jobs_api.k8s.stamped_log import NotStamped
from jobs_api.model.log_part import LogPart
from jobs_api.model.run import Run

# The entries are runs of some hundred bytes each.
MOST_KNOWN: Final = 10_000
# Older observations do not show how fast a log grows.
KNOWN_FOR: Final = timedelta(minutes=2)

logger = Logger()


@dataclass(frozen=True)
class Known:
    """What the last look of this process found: the last part then, the file's size, and when the next look is due."""

    last: LogPart | None
    file_bytes: int
    looked_at: datetime
    due_at: datetime


# Only saves reads: each write says after which part it comes, so a process that knows too little writes nothing wrong.
_known: dict[str, Known] = {}


def look(cluster: Cluster, run: Run, pod_name: str, clock: Clock) -> Collector | None:
    """Look at the log of a running command; return what follows it, if it is to be followed after the pass."""
    now = clock()
    known = _known.get(run.id)
    if known and not timedelta() <= now - known.looked_at < KNOWN_FOR:
        known = None
    if known and now < known.due_at:
        return None
    collector = Collector(cluster, run, pod_name, _parts(run, known, clock), clock)
    if collector.parts.is_followed():
        until = collector.parts.last and collector.parts.last.followed_until
        return collector if until and until - now < rules.HANDED_OVER_WITHIN else None
    seen = Growth(known.file_bytes, 0, now - known.looked_at) if known else None
    try:
        found = collector.look(seen)
    except (NotStamped, ClusterError):
        return None
    if len(_known) >= MOST_KNOWN:
        _known.clear()
    due_at = now + rules.next_look(found.growth, now - (run.start_time or run.created_at))
    _known[run.id] = Known(collector.parts.last, found.growth.file_bytes, now, due_at)
    return collector if found.wants_following else None


def _parts(run: Run, known: Known | None, clock: Clock) -> Parts:
    """Return what was collected of a run. It is not read while hardly anything can have been, or it is known."""
    if known and not (known.last and known.last.followed_until):
        return Parts(run, known.last, clock, piece_reading.read_piece)
    age = clock() - (run.start_time or run.created_at)
    if known is None and age < rules.FIRST_AFTER:
        return Parts(run, None, clock, piece_reading.read_piece)
    return Parts.of(run, clock, piece_reading.read_piece)


def follow(collector: Collector) -> None:
    """Follow a log for a while; what fails is tried again by the next pass."""
    run = collector.run
    try:
        fresh = replace(collector, parts=Parts.of(run, collector.clock, piece_reading.read_piece))
        Following(fresh, collector.clock() + rules.FOLLOWED_FOR).run()
    except Exception:
        logger.exception("a log was not followed", organization_id=run.organization_id, run_id=run.id)
