"""Follows the log of a run from its first to its last line: from its Pod while it runs, then from where it is stored.

Each answer has the place where the next one begins. Nothing is stored here, so a call may be repeated.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from aws_lambda_powertools import Logger

from jobs_api.cluster import Cluster, ClusterRejected, ObjectNotFound
from jobs_api.collecting.parts import Parts
from jobs_api.errors import ClusterUnavailable
from jobs_api.k8s.log_names import pod_name_of
from jobs_api.k8s.log_place import LogPlace, NotStamped, OtherLog, Piece
from jobs_api.k8s.stamped_log import STAMP_BYTES, incomplete, read_on, read_whole
from jobs_api.logs import archive
from jobs_api.logs.stored_pieces import StoredFile, stored_file
from jobs_api.model.answer_size import ANSWER_BYTES, encoded_size
from jobs_api.model.document import Absent, Document
from jobs_api.model.run import Run, RunStatus

# How much of a log one answer contains; half of it if the text grows too much as JSON.
PIECE_BYTES: Final = 1024 * 1024
# The largest answer of a kubelet to a first reading: the text of a piece with the times of lines that are not very
# short.
ANSWERED_BYTES: Final = 2 * PIECE_BYTES
ASKS_EVERY: Final = timedelta(seconds=1)
LOST_WITH_POD: Final = (
    "Here another log begins, because the pod was replaced; what it wrote after the text before is lost"
)
LOST_BY_ROTATION: Final = (
    "Between the text before and this text lines may be lost: the node serves only the last 10 MiB of a log "
    "(containerLogMaxSize), and has begun another file"
)
LOST_WITH_NODE: Final = "What the command wrote after the text before is lost: the pod was gone before it could be read"
# In a cursor: a stored log that was assembled from several files of the kubelet.
TOGETHER: Final = "*"
# The API server's answer for a container that waits to start.
BAD_REQUEST: Final = 400

logger = Logger()


class FollowedLogs(Document):
    """A part of a run's log; `after` leads to the next one, and with `done` there is none."""

    run_id: str
    job_name: str
    status: RunStatus
    logs: str
    after: str
    done: bool
    message: Absent[str] = None


@dataclass(frozen=True)
class Followed:
    """The content of an answer: the run, the text, the next place, whether that is the end, and what is lost."""

    run: Run
    text: str
    place: LogPlace
    done: bool = False
    message: str | None = None


@dataclass(frozen=True)
class LogFollower:
    """One call that follows a run's log.

    Attributes:
        read_run: gives the run as it is now.
        connect: connects to its cluster; only called while the run is open.
        clock: seconds, which only increase.
        sleep: waits for seconds.
    """

    read_run: Callable[[], Run]
    connect: Callable[[], Cluster]
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    def next(self, run: Run, place: LogPlace, wait: timedelta) -> Followed:
        """Return what follows a place, as soon as there is something, at the latest after `wait`.

        `run` is the run as it was just read.

        Raises:
            NotFound: the run or its log is no longer kept.
            ClusterUnavailable: the cluster could not be read until then.
        """
        until = self.clock() + wait.total_seconds()
        pod_name = None
        while True:
            if run.status.ended:
                return _stored(run, place)
            followed, failed = Followed(run, "", place), None
            try:
                pod_name = pod_name or self._pod_name_of(run)
                if pod_name:
                    followed = self._live(run, pod_name, place)
            except ObjectNotFound:
                pod_name = None
                followed = _collected(run, place) or followed
            except ClusterRejected as error:
                failed = _refusal(run, error)
            except ClusterUnavailable as error:
                failed = error
            if followed.text:
                return followed
            place = followed.place
            remaining = until - self.clock()
            if remaining <= 0:
                if failed:
                    raise failed
                return followed
            self.sleep(min(remaining, ASKS_EVERY.total_seconds()))
            run = self.read_run()

    def _live(self, run: Run, pod_name: str, place: LogPlace) -> Followed:
        """Return what a Pod wrote after a place, nothing where its command has not started.

        What the Pod does not have any more, or never had, was collected if there are parts.
        """
        if not place.log and (collected := _collected(run, place)):
            return collected
        cluster = self.connect()
        try:
            piece = _read(cluster, run.namespace, pod_name, place, PIECE_BYTES)
            if not _fits(piece.content):
                piece = _read(cluster, run.namespace, pod_name, place, PIECE_BYTES // 2)
        except NotStamped:
            return Followed(run, "", place)
        if piece.elsewhere and (collected := _collected(run, place)):
            return collected
        message = _lost(place, piece.place.log) if piece.elsewhere else None
        return Followed(run, piece.content.decode("utf-8", "replace"), piece.place, message=message)

    def _pod_name_of(self, run: Run) -> str | None:
        """Return the name of a run's newest Pod, None where it has none yet."""
        return self.connect().newest_pod_name(run.namespace, run.job_uid) if run.job_uid else None


def _refusal(run: Run, error: ClusterRejected) -> ClusterUnavailable | None:
    """Return what a refusal means, without the cluster's own words; None where a command has not started."""
    if error.status == BAD_REQUEST:
        return None
    logger.warning("the cluster refused to give a log", run_id=run.id, status=error.status, error=str(error))
    return ClusterUnavailable("The cluster does not let this service read; its operator must allow it")


def _collected(run: Run, place: LogPlace) -> Followed | None:
    """Return what was collected of a log after a place; None where nothing was of that file.

    Nothing new means that the parts have not got to the Pod's current file yet; they will with the next pass.
    """
    if run.log_begins is None:
        return None  # no pass has read it
    parts = Parts.of(run)
    found = parts.after(place, PIECE_BYTES)
    if found and not _fits(found[0]):
        found = parts.after(place, PIECE_BYTES // 2)
    return Followed(run, found[0].decode("utf-8", "replace"), found[1]) if found else None


def _read(cluster: Cluster, namespace: str, pod_name: str, place: LogPlace, limit: int) -> Piece:
    if pod_name_of(place.log) == pod_name and place.since:
        enough = place.window.size + limit + limit // 4 + STAMP_BYTES
        try:
            return read_on(
                place, cluster.stamped_log(namespace, pod_name, since=place.since, limit_bytes=enough), limit
            )
        except OtherLog:
            pass
    bound = None if place.offset else ANSWERED_BYTES
    return read_whole(place, pod_name, cluster.stamped_log(namespace, pod_name, limit_bytes=bound), limit)


def _lost(place: LogPlace, log: str) -> str:
    """Say what may be missing before a log that is another than that of the place."""
    why = LOST_BY_ROTATION if pod_name_of(log) == pod_name_of(place.log) else LOST_WITH_POD
    return f"{why}. The text before ended after {place.offset} bytes"


def _fits(content: bytes) -> bool:
    return encoded_size(content.decode("utf-8", "replace")) <= ANSWER_BYTES


def _stored(run: Run, place: LogPlace) -> Followed:
    """Return what a stored log has after a place; the place of another log is no place in it."""
    if run.log is None:
        return Followed(run, "", place, done=True, message=run.log_note)
    file = stored_file(run.log)
    own, message = _own_place(file, run, place)
    content = _part(file, own.offset)
    end = own.offset + len(content)
    done = end >= file.size
    return Followed(
        run,
        content.decode("utf-8", "replace"),
        LogPlace(log=TOGETHER if file.files else own.log, offset=end),
        done=done,
        message=message or (run.log_note if done else None),
    )


def _own_place(file: StoredFile, run: Run, place: LogPlace) -> tuple[LogPlace, str | None]:
    """Return the same place in the stored log, and what may be missing before it."""
    if file.key == archive.key_of_lost(run):
        own = LogPlace() if place.log else place
        return own, LOST_WITH_NODE if place.log else None
    if place.log == TOGETHER:
        return place, None
    if file.files and place.log:
        start = file.files.get(place.log)
        if start is None:
            # The stored log names only its newest files; a follower that paused for long may have stopped in an older
            # one.
            start = Parts.of(run).find_start(place.log)
        return (LogPlace(), _lost(place, "")) if start is None else (LogPlace(TOGETHER, start + place.offset), None)
    # A log of an earlier release has no name.
    if not place.log or file.begins in {None, place.log}:
        return LogPlace(log=file.begins or "", offset=place.offset), None
    return LogPlace(log=file.begins or ""), _lost(place, file.begins or "")


def _part(file: StoredFile, offset: int) -> bytes:
    content = file.read(offset, PIECE_BYTES) if offset < file.size else b""
    if not _fits(content):
        content = content[: PIECE_BYTES // 2]
    return content if offset + len(content) >= file.size else content[: len(content) - incomplete(content)]
