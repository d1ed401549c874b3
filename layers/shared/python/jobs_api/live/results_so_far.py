"""The results of an open run so far, read from its log: from the part its Pod has, and from what was collected."""

from collections.abc import Iterable, Iterator
from typing import Final

from jobs_api.cluster import Cluster, ClusterRejected
from jobs_api.collecting.collector import Collector
from jobs_api.collecting.parts import Parts
from jobs_api.k8s.job_secrets import secrets_of
from jobs_api.k8s.log_names import log_name
from jobs_api.k8s.log_place import LogPlace, NotStamped
from jobs_api.logs.masked_results import without_secrets
from jobs_api.logs.results import ResultsReader
from jobs_api.model.results import ResultCounts, RunResults
from jobs_api.model.run import Run

# How much of a log a kubelet returns, unless its operators have set containerLogMaxSize; of collected parts, the last
# bytes of this number.
MOST_LOG_READ: Final = 10 * 1024 * 1024


def results_so_far(cluster: Cluster, run: Run) -> RunResults:
    """Return the nodes that have ended by now; none where the command has not started, or its log names none.

    Raises ClusterUnavailable.
    """
    try:
        secrets = secrets_of(cluster.get_job(run.namespace, run.job_name))
        pod_name = cluster.newest_pod_name(run.namespace, run.job_uid) if run.job_uid else None
    except ClusterRejected:
        return RunResults(results=[], counts=ResultCounts(), complete=False)
    if pod_name and _is_whole(cluster, run, pod_name):
        chunks = cluster.stream_log(run.namespace, pod_name)
    else:
        chunks = _joined(cluster, run, pod_name)
    found = _read(run, _while_there(chunks)) or RunResults(results=[], counts=ResultCounts(), complete=False)
    return without_secrets(found.model_copy(update={"complete": False}), secrets)


def _is_whole(cluster: Cluster, run: Run, pod_name: str) -> bool:
    """Return whether a Pod has the log from its first line on, or nothing was collected yet."""
    try:
        return run.log_begins in {None, log_name(pod_name, cluster.log_begins(run.namespace, pod_name))}
    except ClusterRejected:
        return False


def _joined(cluster: Cluster, run: Run, pod_name: str | None) -> Iterator[bytes]:
    """Yield what was collected of a log, at most its last bytes, and then what its Pod has beyond that."""
    parts = Parts.of(run)
    if parts.last:
        begin = max(0, parts.last.end - MOST_LOG_READ)
        collected = parts.after(LogPlace(offset=begin), MOST_LOG_READ)
        yield collected[0] if collected else b""
    if pod_name:
        rest = Collector(cluster, run, pod_name, parts, parts.clock)
        for chunk in _first(rest.stream(follow=False), MOST_LOG_READ):
            rest.reading.take(chunk)
            yield rest.reading.cut().content


def _while_there(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield a log until its Pod is gone, or says that its container waits to start."""
    try:
        yield from chunks
    except (ClusterRejected, NotStamped):
        return


def _read(run: Run, chunks: Iterator[bytes]) -> RunResults | None:
    reader = ResultsReader(run.start_time)
    for chunk in _first(chunks, 2 * MOST_LOG_READ):
        reader.feed(chunk)
    return reader.results()


def _first(chunks: Iterable[bytes], count: int) -> Iterator[bytes]:
    for chunk in chunks:
        yield chunk[:count]
        count -= len(chunk)
        if count <= 0:
            return
