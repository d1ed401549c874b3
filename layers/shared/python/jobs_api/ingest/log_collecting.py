"""Looks at the logs of running commands in each pass, and says which of them are to be followed after it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from aws_lambda_powertools import Logger

from jobs_api.clock import Clock
from jobs_api.cluster import Cluster
from jobs_api.collecting import rules
from jobs_api.collecting.carried import Carried
from jobs_api.collecting.collector import Collector, Looked, nobody_follows, nothing_carried
from jobs_api.collecting.following import Following
from jobs_api.collecting.parts import Parts
from jobs_api.collecting.rules import Growth
from jobs_api.errors import ClusterError
from jobs_api.ingest import piece_reading
from jobs_api.k8s.log_place import NotStamped
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

    pod_name: str
    last: LogPart | None
    file_bytes: int
    looked_at: datetime
    due_at: datetime


# Only saves reads: each write says after which part it comes, so a process that knows too little writes nothing wrong.
_known: dict[str, Known] = {}


def not_followed(_: Collector) -> None:
    """Leave it to the next pass to look at a log again."""


@dataclass(frozen=True)
class Followers:
    """Those who follow logs beside a pass and after it.

    Attributes:
        take_place: takes a place for one more log, if there is one.
        follow: begins to follow a log for which a place was taken.
    """

    take_place: Callable[[], bool] = nobody_follows
    follow: Callable[[Collector], object] = not_followed

    def begin(self, collector: Collector) -> bool:
        """Begin to follow a log; False where there is no place for it."""
        if not self.take_place():
            return False
        self.follow(collector)
        return True


NOBODY: Final = Followers()


def look(cluster: Cluster, run: Run, clock: Clock, carried: Carried, followers: Followers = NOBODY) -> None:
    """Look at the log of a running command; let it be followed after the pass, if that is needed.

    What is read and not written is carried to the next pass. What came is written where the log cannot be read: then
    its node may be dying. Where the Pod was replaced, the log of the new one is read on.
    """
    now, known = clock(), _known.get(run.id)
    if known and not timedelta() <= now - known.looked_at < KNOWN_FOR:
        known = None
    if known and now < known.due_at:
        return
    parts = _parts(run, known, clock)
    for pod_name in pods_of(cluster, run, carried.pod_of(run) or (known.pod_name if known else run.pod_name)):
        collector = Collector(cluster, run, pod_name, parts, clock, partial(carried.keep_of_earlier_file, run))
        try:
            found = _collect(collector, known, followers)
        except (NotStamped, ClusterError):
            carried.keep(run)
            known, parts = None, Parts.of(run, clock, piece_reading.read_piece)
            continue
        if found is None:
            return  # another process follows it
        carried.looked(run, found.unwritten, found.place, now)
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        due_at = now + rules.next_look(found.growth, now - (run.start_time or run.created_at))
        _known[run.id] = Known(pod_name, collector.parts.last, found.growth.file_bytes, now, due_at)
        return


def pods_of(cluster: Cluster, run: Run, pod_name: str | None) -> Iterator[str]:
    """Yield the Pod whose log was read last; if that is asked for another one, the newest Pod, if it is another."""
    if pod_name is None:
        return
    yield pod_name
    try:
        newest = cluster.newest_pod_name(run.namespace, run.job_uid) if run.job_uid else None
    except ClusterError:
        return
    if newest and newest != pod_name:
        yield newest


def _collect(collector: Collector, known: Known | None, followers: Followers) -> Looked | None:
    """Look at a log; None where another process follows it."""
    now, last = collector.clock(), collector.parts.last
    if collector.parts.is_followed():
        until = last and last.followed_until
        if until and until - now < rules.HANDED_OVER_WITHIN:
            followers.begin(collector)
        return None
    seen = Growth(known.file_bytes, 0, now - known.looked_at) if known else None
    found = collector.look(seen, begin_following=lambda: followers.begin(collector))
    if last is None and collector.parts.last and collector.parts.start_of(found.place.log) is None:
        # Another process has written parts of an earlier file, so nothing was written of this one.
        is_taken = found.is_followed
        found = collector.look(seen, begin_following=lambda: is_taken)
    if found.may_lose_lines and not found.is_followed:
        run = collector.run
        logger.warning("a log that grows fast was not followed", organization_id=run.organization_id, run_id=run.id)
        return collector.look(seen, everything=True)
    return found


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
        parts = Parts.of(run, collector.clock, piece_reading.read_piece)
        fresh = replace(collector, parts=parts, keep_earlier=nothing_carried)
        Following(fresh, collector.clock() + rules.FOLLOWED_FOR).run()
    except Exception:
        logger.exception("a log was not followed", organization_id=run.organization_id, run_id=run.id)
