"""Collects the logs of running commands in each pass, and begins to follow those that need it."""

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
from jobs_api.collecting.collector import Collector, LogRead, no_earlier_text, no_place
from jobs_api.collecting.following import Following
from jobs_api.collecting.parts import Parts
from jobs_api.collecting.rules import Growth
from jobs_api.errors import ClusterError
from jobs_api.k8s.log_place import NotStamped
from jobs_api.model.log_part import LogPart
from jobs_api.model.run import Run

# The entries are runs of some hundred bytes each.
MOST_REMEMBERED: Final = 10_000
# Older observations do not show how fast a log grows.
REMEMBERED_FOR: Final = timedelta(minutes=2)

logger = Logger()


@dataclass(frozen=True)
class LastRead:
    """The last read by this process: the last part then, the file's size, and when the next read is due."""

    pod_name: str
    last: LogPart | None
    file_bytes: int
    read_at: datetime
    due_at: datetime


# Only saves reads: each write says after which part it comes, so a process that knows too little writes nothing wrong.
_last_reads: dict[str, LastRead] = {}


def note_part(run: Run, last: LogPart) -> None:
    """Note that a text that did not fit into a message became a part, so that the next read begins after it."""
    if last_read := _last_reads.get(run.id):
        _last_reads[run.id] = replace(last_read, last=last)


def not_followed(_: Collector) -> None:
    """Leave a log to the next pass, which reads it again."""


@dataclass(frozen=True)
class Followers:
    """The followers of logs beside a pass and after it.

    Attributes:
        take_place: takes a place for one more log, if there is one.
        follow: begins to follow a log for which a place was taken.
    """

    take_place: Callable[[], bool] = no_place
    follow: Callable[[Collector], object] = not_followed

    def begin(self, collector: Collector) -> bool:
        """Begin to follow a log; False where there is no place for it."""
        if not self.take_place():
            return False
        self.follow(collector)
        return True


NO_FOLLOWERS: Final = Followers()


def collect(cluster: Cluster, run: Run, clock: Clock, carried: Carried, followers: Followers = NO_FOLLOWERS) -> None:
    """Collect the log of a running command; let it be followed after the pass, if that is needed.

    Text that is read and not written is carried to the next pass. Where the log cannot be read, received text is
    written, because the node may be dying. Where the Pod was replaced, the log of the new one is read on.
    """
    now, last_read = clock(), _last_reads.get(run.id)
    if last_read and not timedelta() <= now - last_read.read_at < REMEMBERED_FOR:
        last_read = None
    if last_read and now < last_read.due_at:
        return
    parts = _parts(run, last_read, clock)
    for pod_name in pods_of(
        cluster, run, carried.pod_name_of(run) or (last_read.pod_name if last_read else run.pod_name)
    ):
        collector = Collector(cluster, run, pod_name, parts, clock, partial(carried.write_earlier_file, run))
        try:
            result = _read(collector, last_read, followers)
        except (NotStamped, ClusterError):
            carried.write_part(run)
            last_read, parts = None, Parts.of(run, clock)
            continue
        if result is None:
            return  # another process follows it
        carried.carry(run, result.unwritten, result.place, now)
        if len(_last_reads) >= MOST_REMEMBERED:
            _last_reads.clear()
        due_at = now + rules.next_read(result.growth, now - (run.start_time or run.created_at))
        _last_reads[run.id] = LastRead(pod_name, collector.parts.last, result.growth.file_bytes, now, due_at)
        return


def pods_of(cluster: Cluster, run: Run, pod_name: str | None) -> Iterator[str]:
    """Yield the Pod whose log was read last, and then the newest Pod, if it is another. One call for the second."""
    if pod_name is None:
        return
    yield pod_name
    try:
        newest = cluster.newest_pod_name(run.namespace, run.job_uid) if run.job_uid else None
    except ClusterError:
        return
    if newest and newest != pod_name:
        yield newest


def _read(collector: Collector, last_read: LastRead | None, followers: Followers) -> LogRead | None:
    """Read a log; return None where another process follows it."""
    now, last = collector.clock(), collector.parts.last
    if collector.parts.is_followed():
        until = last and last.followed_until
        if until and until - now < rules.HANDED_OVER_WITHIN:
            followers.begin(collector)
        return None
    growth = Growth(last_read.file_bytes, 0, now - last_read.read_at) if last_read else None
    result = collector.read(growth, begin_following=lambda: followers.begin(collector))
    if last is None and collector.parts.last and collector.parts.start_of(result.place.log) is None:
        # Another process has written parts of an earlier file, so nothing was written of this one.
        is_taken = result.is_followed
        result = collector.read(growth, begin_following=lambda: is_taken)
    if result.may_lose_lines and not result.is_followed:
        run = collector.run
        logger.warning("a log that grows fast was not followed", organization_id=run.organization_id, run_id=run.id)
        return collector.read(growth, everything=True)
    return result


def _parts(run: Run, last_read: LastRead | None, clock: Clock) -> Parts:
    """Return what was collected of a run; no read where the last read knows it, or hardly anything can have been."""
    if last_read and not (last_read.last and last_read.last.followed_until):
        return Parts(run, last_read.last, clock)
    age = clock() - (run.start_time or run.created_at)
    if last_read is None and age < rules.FIRST_AFTER:
        return Parts(run, None, clock)
    return Parts.of(run, clock)


def follow(collector: Collector) -> None:
    """Follow a log for a while; what fails is tried again by the next pass."""
    run = collector.run
    try:
        parts = Parts.of(run, collector.clock)
        fresh = replace(collector, parts=parts, write_earlier=no_earlier_text)
        Following(fresh, collector.clock() + rules.FOLLOWED_FOR).run()
    except Exception:
        logger.exception("a log was not followed", organization_id=run.organization_id, run_id=run.id)
