"""The log of an ended run whose Pod or node has none any more: what a pass stored before, or what was collected.

Everything here may be done twice or by two passes at once: logs replace themselves.
"""

from dataclasses import dataclass
from typing import Final

from jobs_api.collecting.parts import Parts
from jobs_api.ingest import run_log
from jobs_api.ingest.run_results import ResultsOfLog
from jobs_api.k8s import pod_logs
from jobs_api.k8s.observed_pod import ObservedPod
from jobs_api.logs import archive, results_archive
from jobs_api.logs.log_end import LogEnd
from jobs_api.model.log_part import LogPart
from jobs_api.model.run import Run, RunStatus, StoredLog

GAPS: Final = "A part of the log may be lost; lines of the log that begin with [jobs-api: say where"
COLLECTED_UNTIL: Final = "The pod was gone before the end of its log could be read; this was collected until"
# How much of a log's end is searched for the failure: some hundred nodes, each with a kilobyte of JSON.
TOLD_IN_BYTES: Final = 512 * 1024


@dataclass(frozen=True)
class Archived:
    """A log that was stored: where, its end, and why a part of it may be missing."""

    log: StoredLog
    end: LogEnd
    note: str | None = None

    def told_by(self, run: Run, read: ResultsOfLog) -> Run:
        """Return an ended run with this log, with what it says and with the results that were read from it."""
        with_results = run.model_copy(update={"results": read.counts})
        told = run_log.with_log(with_results, self.log, self.end.last(TOLD_IN_BYTES), read.warned)
        return told.model_copy(update={"log_note": self.note})


def store_parts(run: Run, parts: Parts, last: LogPart, read: ResultsOfLog, *, cut_off: bool = False) -> Archived:
    """Store what was collected of a log as one; `last` is its last part."""
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
    return without_pod(ended, ResultsOfLog(ended, None))


def without_pod(run: Run, read: ResultsOfLog) -> Run:
    """Return a run whose Pod is gone, with its log, or with a line that this is lost."""
    return _before(run) or _collected(run, read) or run.model_copy(update={"log": archive.what_is_left(run)})


def without_log(run: Run, pod: ObservedPod, read: ResultsOfLog) -> Run:
    """Return a run whose Pod is there without a log, with its log, or with the reason why there is none."""
    return _before(run) or _collected(run, read) or run.model_copy(update={"log_note": pod_logs.why_no_log(pod)})


def _before(run: Run) -> Run | None:
    """Return a run with the log and the results that an interrupted pass stored; None where none did."""
    log = archive.find(run)
    if log is None:
        return None
    found = run.model_copy(update={"log": log})
    return found.model_copy(update={"results": results_archive.counts_of(found)})


def _collected(run: Run, read: ResultsOfLog) -> Run | None:
    """Return a run with what was collected of its log; None where nothing was."""
    parts = Parts.of(run)
    if parts.last is None:
        return None
    until = f"{COLLECTED_UNTIL} {parts.last.written_at:%Y-%m-%d %H:%M:%S} UTC"
    told = store_parts(run, parts, parts.last, read, cut_off=True).told_by(run, read)
    return told.model_copy(update={"log_note": until})
