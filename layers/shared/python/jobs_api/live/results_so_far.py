"""What each node of a run that has not ended did so far, as the log of its Pod says."""

from collections.abc import Iterable, Iterator
from typing import Final

from jobs_api.cluster import Cluster, ClusterRejected, ObjectNotFound
from jobs_api.k8s.job_secrets import secrets_of
from jobs_api.logs.masked_results import without_secrets
from jobs_api.logs.results import ResultsReader
from jobs_api.model.results import ResultCounts, RunResults
from jobs_api.model.run import Run

# What a kubelet serves of a log, unless its operators have set containerLogMaxSize.
MOST_LOG_READ: Final = 10 * 1024 * 1024


def results_so_far(cluster: Cluster, run: Run) -> RunResults:
    """Return the nodes that have ended by now; none where the command has not started, or its log names none.

    Raises ClusterUnavailable.
    """
    try:
        secrets = secrets_of(cluster.get_job(run.namespace, run.job_name))
        pod_name = cluster.newest_pod_name(run.namespace, run.job_uid) if run.job_uid else None
        found = _read(run, cluster.stream_log(run.namespace, pod_name)) if pod_name else None
    except (ObjectNotFound, ClusterRejected):
        # The Job has no Pod yet, or has none any more, or its container waits to start.
        found = None
    if found is None:
        return RunResults(results=[], counts=ResultCounts(), complete=False)
    return without_secrets(found.model_copy(update={"complete": False}), secrets)


def _read(run: Run, chunks: Iterator[bytes]) -> RunResults | None:
    reader = ResultsReader(run.start_time)
    for chunk in _first(chunks, MOST_LOG_READ):
        reader.feed(chunk)
    return reader.results()


def _first(chunks: Iterable[bytes], count: int) -> Iterator[bytes]:
    for chunk in chunks:
        yield chunk[:count]
        count -= len(chunk)
        if count <= 0:
            return
