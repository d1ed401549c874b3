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
from jobs_api.ingest import log_collecting, logs_left, run_log
from jobs_api.ingest.log_collecting import NO_FOLLOWERS, Followers
from jobs_api.ingest.logs_left import Archived
from jobs_api.ingest.run_results import ResultsOfLog
from jobs_api.k8s import log_names, pod_logs
from jobs_api.k8s.job_secrets import secrets_of
from jobs_api.k8s.log_place import NotStamped
from jobs_api.k8s.observed_pod import ObservedPod, observe_pod
from jobs_api.logs import archive
from jobs_api.logs.artifacts import Bundle
from jobs_api.model.run import Run, RunStatus

CUT_OFF: Final = "The log ends where the run was replaced, or its Job deleted"
# A pulse comes after five seconds, and a message may be late.
TEXT_COMES_WITHIN: Final = timedelta(seconds=15)


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

    def stored(self, run: Run, pod: ObservedPod | None, secrets: Iterable[str], artifacts: Bundle | None) -> Run:
        """Store the log, and the results that it has, before anything else says that the run has ended.

        Args:
            run: ended, and not written as such yet.
            pod: its Pod, None where that is gone.
            secrets: values to mask in the results.
            artifacts: what it stored, if anything.

        Raises ClusterUnavailable where its node may still be able to send the log.
        """
        read = ResultsOfLog(run, list(secrets), artifacts)
        if pod is None:
            return self._without_pod(run, read)
        try:
            archived = self._archived(run, pod, read)
        except (NoLog, NotStamped):
            self.carried.write_part(run)
            return logs_left.without_log(run, pod, read.unread())
        except ClusterRejected:
            return self._without_pod(run, read.unread())
        except ClusterUnavailable:
            # The node may be out of reach for a while, or may not come back.
            self.carried.write_part(run)
            if run.end_time and self.clock() - run.end_time < run_log.LOG_WITHIN:
                raise
            return self._without_pod(run, read.unread())
        self.carried.forget(run.id)
        return archived.told_by(run, read)

    def _without_pod(self, run: Run, read: ResultsOfLog) -> Run:
        """Return a run whose Pod is gone, with what is left of its log."""
        self.carried.write_part(run)
        return logs_left.without_pod(run, read)

    def _archived(self, run: Run, pod: ObservedPod, read: ResultsOfLog) -> Archived:
        """Store the log of a Pod: as the kubelet has it, if that is all of it, else with what was collected before."""
        begins = self._begins_at_its_end(pod)
        seen, log_name = pod_logs.known_beginning(run.log_begins, pod), log_names.log_name(pod.name, begins)
        # If no pass has read the log, no part of it was collected.
        is_whole = (seen and seen == begins) or run.log_begins is None
        parts = None if is_whole else self._caught_up(run, pod)
        if parts and parts.last:
            return logs_left.store_parts(run, parts, parts.last, read)
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
        return logs_left.with_what_is_left(before, ended)
