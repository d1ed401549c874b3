"""Reads the logs of an organization's Pods from its cluster, and stores those of runs that have ended.

Everything here may be done twice or by two passes at once: logs replace themselves.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from jobs_api import store
from jobs_api.cluster import Cluster, ClusterRejected
from jobs_api.errors import ClusterError, ClusterUnavailable
from jobs_api.ingest import run_log
from jobs_api.ingest.run_results import ResultsOfLog
from jobs_api.k8s import pod_logs
from jobs_api.k8s.observed_pod import ObservedPod, observe_pod
from jobs_api.logs import archive, results_archive
from jobs_api.model.artifacts import Artifact
from jobs_api.model.run import Run, RunStatus

CUT_OFF: Final = "The log ends where the run was replaced, or its Job deleted"
# How much of a log's end is searched for the failure: some hundred nodes, each with a kilobyte of JSON.
TOLD_IN_BYTES: Final = 512 * 1024


class NoLog(Exception):
    """The kubelet has no log of a container that ran."""


@dataclass(frozen=True)
class PodLogs:
    """The logs of an organization's Pods; `clock` gives aware times."""

    cluster: Cluster
    namespace: str
    clock: Callable[[], datetime]

    def look_at(self, run: Run | None) -> None:
        """Record the first line's time in the log of a running command. A later first line means another file."""
        if run and run.status is RunStatus.RUNNING and not pod_logs.has_begun(run.log_begins):
            note = self.begins(run)
            if note is not None and note != run.log_begins:
                store.note_log_begins(run, note)

    def begins(self, run: Run) -> str | None:
        """Return the text that records how a log begins, None where it cannot be read now."""
        if run.pod_name is None:
            return None
        try:
            return pod_logs.noted(run.pod_name, self.cluster.log_begins(self.namespace, run.pod_name))
        except ClusterError:
            return None

    def end_of(self, pod: ObservedPod, container: str) -> str:
        """Return the last lines of another container's log, nothing where they cannot be read."""
        try:
            return self.cluster.read_log(self.namespace, pod.name, container=container, tail=run_log.QUOTED_LINES)
        except ClusterError:
            return ""

    def stored(
        self, run: Run, pod: ObservedPod | None, secrets: Iterable[str] = (), artifacts: Sequence[Artifact] = ()
    ) -> Run:
        """Store the log, and the results that it has, before anything else says that the run has ended."""
        if pod is None:
            return _left(run)
        try:
            begins = self._begins_at_its_end(pod)
            read = ResultsOfLog(run, list(secrets), artifacts)
            noted = pod_logs.noted(pod.name, begins)
            log, end = archive.store_log(run, read.reading(self._log_of(pod)), read.packed, begins=noted)
        except NoLog:
            found = archive.find(run)
            return run.model_copy(update={"log": found, "log_note": None if found else pod_logs.why_none(pod)})
        except ClusterRejected:
            return self.stored(run, None)
        except ClusterUnavailable:
            # The node may be out of reach for a while, or may not come back.
            if run.end_time and self.clock() - run.end_time < run_log.LOG_WITHIN:
                raise
            return self.stored(run, None)
        note = pod_logs.why_less(pod_logs.seen_of(run.log_begins, pod), begins, log.size_bytes, pod)
        told = run.model_copy(update={"results": read.counts})
        return run_log.with_log(told, log, end.last(TOLD_IN_BYTES), read.warned).model_copy(update={"log_note": note})

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
            return with_what_is_left(before, ended)
        try:
            pod = self.cluster.pod_of({"metadata": {"namespace": before.namespace, "uid": before.job_uid}})
            if pod is None:
                return with_what_is_left(before, ended)
            read, seen = ResultsOfLog(ended), observe_pod(pod)
            noted = pod_logs.noted(seen.name, self._begins_at_its_end(seen))
            log, _ = archive.store_log(ended, read.reading(self._log_of(seen)), read.packed, begins=noted)
        except (ClusterError, NoLog):
            return with_what_is_left(before, ended)
        return ended.model_copy(update={"log": log, "log_note": CUT_OFF, "results": read.counts})


def with_what_is_left(before: Run, ended: Run) -> Run:
    """Return a run whose end no pass saw, with what is known of its log, where its command was started."""
    if before.status is not RunStatus.RUNNING:
        return ended
    return _left(ended)


def _left(run: Run) -> Run:
    """Return a run whose Pod is gone with what an interrupted pass stored of it."""
    found = run.model_copy(update={"log": archive.what_is_left(run)})
    was_stored = found.log and found.log.key != archive.key_of_lost(run)
    return found.model_copy(update={"results": results_archive.counts_of(found) if was_stored else None})
