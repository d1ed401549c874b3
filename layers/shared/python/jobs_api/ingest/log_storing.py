"""Reads the logs of an organization's Pods from its cluster, and stores those of runs that have ended.

Everything here may be done twice or by two passes at once: logs replace themselves.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from jobs_api import store
from jobs_api.clock import Clock
from jobs_api.cluster import Cluster, ClusterRejected
from jobs_api.collecting.carried import Carried
from jobs_api.collecting.collector import Collector
from jobs_api.collecting.parts import Parts
from jobs_api.errors import ClusterError, ClusterUnavailable
from jobs_api.ingest import log_collecting, run_log
from jobs_api.ingest.log_collecting import NO_FOLLOWERS, Followers
from jobs_api.ingest.run_results import ResultsOfLog
from jobs_api.k8s import log_names, pod_logs
from jobs_api.k8s.job_secrets import secrets_of
from jobs_api.k8s.log_place import NotStamped
from jobs_api.k8s.observed_pod import ObservedPod, observe_pod
from jobs_api.logs import archive, results_archive
from jobs_api.logs.artifacts import Bundle
from jobs_api.logs.log_end import LogEnd
from jobs_api.model.log_part import LogPart
from jobs_api.model.run import Run, RunStatus, StoredLog

GAPS: Final = "A part of the log may be lost; lines of the log that begin with [jobs-api: say where"
COLLECTED_UNTIL: Final = "The pod was gone before the end of its log could be read; this was collected until"
CUT_OFF: Final = "The log ends where the run was replaced, or its Job deleted"
# A pulse comes after five seconds, and a message may be late.
TEXT_COMES_WITHIN: Final = timedelta(seconds=15)
# How much of a log's end is searched for the failure: some hundred nodes, each with a kilobyte of JSON.
TOLD_IN_BYTES: Final = 512 * 1024


class NoLog(Exception):
    """The kubelet has no log of a container that ran."""


@dataclass(frozen=True)
class PodLogs:
    """The logs of an organization's Pods; `clock` gives aware times."""

    cluster: Cluster
    namespace: str
    clock: Clock
    carried: Carried
    followers: Followers = NO_FOLLOWERS

    def collect_log(self, run: Run | None) -> None:
        """Collect the log of a running command, and record its first line's time.

        A later first line means another file.
        """
        if run is None or run.status is not RunStatus.RUNNING:
            return
        if not log_names.has_begun(run.log_begins):
            note = self.begins(run)
            if note is None:
                self.carried.write_part(run)
                return
            if note != run.log_begins:
                store.record_log_begins(run, note)
        self._collect(run)

    def collect_first_log(self, run: Run) -> None:
        """Collect the log of a run that has just been found running, if its command has printed anything yet.

        A command that prints fast from its start fills a file of the kubelet before the next pass.
        """
        if run.status is RunStatus.RUNNING and log_names.has_begun(run.log_begins):
            self._collect(run)

    def _collect(self, run: Run) -> None:
        log_collecting.collect(self.cluster, run, self.clock, self.carried, self.followers)

    def begins(self, run: Run) -> str | None:
        """Return the text that records how a log begins, None where it cannot be read now."""
        for pod_name in log_collecting.pods_of(self.cluster, run, run.pod_name):
            try:
                return log_names.log_name(pod_name, self.cluster.log_begins(self.namespace, pod_name))
            except ClusterError:
                continue
        return None

    def awaits_text(self, before: Run, ended_at: datetime | None) -> bool:
        """Return whether the only text of a run's log may be on its way with the pulse that this pass superseded.

        Args:
            before: the run, as stored.
            ended_at: since when its end awaits that: a fixed time, else passes that are requested one after another
                would never end the run. The cluster's clock may differ, so a time in the future is not awaited.
        """
        just_ended = ended_at is not None and abs(self.clock() - ended_at) < TEXT_COMES_WITHIN
        return self.carried.more_on_the_way and before.status is RunStatus.RUNNING and just_ended

    def end_of(self, pod: ObservedPod, container: str) -> str:
        """Return the last lines of another container's log, nothing where they cannot be read."""
        try:
            return self.cluster.read_log(self.namespace, pod.name, container=container, tail=run_log.QUOTED_LINES)
        except ClusterError:
            return ""

    def stored(
        self, run: Run, pod: ObservedPod | None, secrets: Iterable[str] = (), artifacts: Bundle | None = None
    ) -> Run:
        """Store the log, and the results that it has, before anything else says that the run has ended."""
        secret_values = list(secrets)
        if pod is None:
            self.carried.write_part(run)
            return _with_what_is_left(run, ResultsOfLog(run, secret_values, artifacts))
        try:
            read = ResultsOfLog(run, secret_values, artifacts)
            found = self._archived(run, pod, read)
        except (NoLog, NotStamped):
            self.carried.write_part(run)
            found_log = archive.find(run)
            if found_log is None and (left := _left_of_parts(run, ResultsOfLog(run, secret_values, artifacts))):
                return left
            note = None if found_log else pod_logs.why_no_log(pod)
            return run.model_copy(update={"log": found_log, "log_note": note})
        except ClusterRejected:
            return self.stored(run, None, secret_values, artifacts)
        except ClusterUnavailable:
            # The node may be out of reach for a while, or may not come back.
            self.carried.write_part(run)
            if run.end_time and self.clock() - run.end_time < run_log.LOG_WITHIN:
                raise
            return self.stored(run, None, secret_values, artifacts)
        self.carried.forget(run.id)
        told = run.model_copy(update={"results": read.counts})
        told = run_log.with_log(told, found.log, found.end.last(TOLD_IN_BYTES), read.warned)
        return told.model_copy(update={"log_note": found.note})

    def _archived(self, run: Run, pod: ObservedPod, read: ResultsOfLog) -> "Archived":
        """Store the log of a Pod: as the kubelet has it, if that is all of it, else with what was collected before."""
        begins = self._begins_at_its_end(pod)
        seen, log_name = pod_logs.known_beginning(run.log_begins, pod), log_names.log_name(pod.name, begins)
        # If no pass has read the log, no part of it was collected.
        is_whole = (seen and seen == begins) or run.log_begins is None
        parts = None if is_whole else self._caught_up(run, pod)
        if parts and parts.last:
            return _joined(run, parts, parts.last, read)
        log, end = archive.store_log(run, read.reading(self._log_of(pod)), read.packed, begins=log_name)
        note = pod_logs.why_other_pod(run.log_begins, pod) or pod_logs.why_incomplete(seen, begins, log.size_bytes, pod)
        return Archived(log, end, note)

    def _caught_up(self, run: Run, pod: ObservedPod) -> Parts | None:
        """Return what was collected of a run, and the rest that its Pod has; None where nothing was collected."""
        self.carried.write_part(run)
        parts = Parts.of(run, self.clock)
        if parts.last is None:
            return None
        collector = Collector(self.cluster, run, pod.name, parts, self.clock)
        collector.wait_for_followers(time.sleep)
        collector.read(everything=True)
        return parts

    def _begins_at_its_end(self, pod: ObservedPod) -> str:
        return self.cluster.log_begins(self.namespace, pod.name)

    def _log_of(self, pod: ObservedPod) -> Iterator[bytes]:
        """Yield a log; raises NoLog where the kubelet sends a message that it has none."""
        chunks = self.cluster.stream_log(self.namespace, pod.name)
        first = next(chunks, b"")
        if len(first) <= pod_logs.EXCUSE_BYTES:
            first += next(chunks, b"")
        if pod_logs.is_excuse(first[: pod_logs.EXCUSE_BYTES + 1].decode("utf-8", "replace"), pod):
            raise NoLog
        yield first
        yield from chunks

    def last_words(self, before: Run, ended: Run) -> Run:
        """Return a run whose Job is gone with its log, which can be read until its Pod has ended."""
        if before.status is not RunStatus.RUNNING or before.job_uid is None:
            return self._what_is_left(before, ended)
        try:
            pod = self.cluster.pod_of({"metadata": {"namespace": before.namespace, "uid": before.job_uid}})
            if pod is None:
                return self._what_is_left(before, ended)
            read = ResultsOfLog(ended, secrets_of({"spec": {"template": pod}}))
            log = self._archived(ended, observe_pod(pod), read).log
        except (ClusterError, NoLog, NotStamped):
            return self._what_is_left(before, ended)
        return ended.model_copy(update={"log": log, "log_note": CUT_OFF, "results": read.counts})

    def _what_is_left(self, before: Run, ended: Run) -> Run:
        self.carried.write_part(before)
        return with_what_is_left(before, ended)


@dataclass(frozen=True)
class Archived:
    """A log that was stored: where, its end, and why a part of it may be missing."""

    log: StoredLog
    end: LogEnd
    note: str | None = None


def _joined(run: Run, parts: Parts, last: LogPart, read: ResultsOfLog, *, cut_off: bool = False) -> Archived:
    """Store what was collected of a log as one."""
    begins = next((name for name, start in last.files if start == 0), None)
    log, end = archive.store_log(
        run, read.reading(parts.text()), read.packed, begins=begins, files=last.files, cut_off=cut_off
    )
    return Archived(log, end, GAPS if last.gaps else None)


def with_what_is_left(before: Run, ended: Run) -> Run:
    """Return a run whose end no pass saw, with what is known of its log, where its command was started."""
    if before.status is not RunStatus.RUNNING:
        return ended
    # Only its Job had the secrets that the log may contain.
    return _with_what_is_left(ended, ResultsOfLog(ended, None))


def _with_what_is_left(run: Run, read: ResultsOfLog) -> Run:
    """Return a run whose Pod is gone with what an interrupted pass stored of it, or with what was collected."""
    if archive.find(run) is None and (collected := _left_of_parts(run, read)):
        return collected
    found = run.model_copy(update={"log": archive.what_is_left(run)})
    was_stored = found.log and found.log.key != archive.key_of_lost(run)
    return found.model_copy(update={"results": results_archive.counts_of(found) if was_stored else None})


def _left_of_parts(run: Run, read: ResultsOfLog) -> Run | None:
    """Return a run whose Pod is gone with what was collected of its log; None where nothing was."""
    parts = Parts.of(run)
    if parts.last is None:
        return None
    found = _joined(run, parts, parts.last, read, cut_off=True)
    told = run_log.with_log(run.model_copy(update={"results": read.counts}), found.log, found.end.last(TOLD_IN_BYTES))
    return told.model_copy(update={"log_note": f"{COLLECTED_UNTIL} {parts.last.written_at:%Y-%m-%d %H:%M:%S} UTC"})
