"""Logs of ended runs that no kubelet has any more: the tables get what an interrupted pass stored of them."""

from jobs_api.ingest import logs_left
from jobs_api.ingest.run_results import ResultsOfLog
from jobs_api.k8s.observed_pod import observe_pod
from jobs_api.logs import archive
from jobs_api.model.results import ResultCounts
from tests.objects import pod
from tests.service.test_logs import a_run

LOG = b"""12:00:01  Running with dbt=1.10.0
12:00:02  1 of 1 START sql table model dbt.orders ..... [RUN]
12:00:03  1 of 1 OK created sql table model dbt.orders ..... [SELECT 5 in 1.00s]
12:00:04  Done. PASS=1 WARN=0 ERROR=0 SKIP=0 NO-OP=0 TOTAL=1
"""


def test_a_log_that_was_stored_before_its_node_lost_it_keeps_its_results() -> None:
    run = a_run()
    read = ResultsOfLog(run)
    log, _ = archive.store_log(run, read.reading([LOG]), read.packed)

    without_pod = logs_left.without_pod(run, ResultsOfLog(run))
    without_log = logs_left.without_log(run, observe_pod(pod()), ResultsOfLog(run))

    assert without_log == without_pod
    assert (without_log.log, without_log.log_note) == (log, None)
    assert without_log.results == read.counts
    assert read.counts == ResultCounts(success=1)


def test_a_message_gives_the_reason_if_a_pod_has_no_log_and_none_is_stored() -> None:
    run = a_run()

    found = logs_left.without_log(run, observe_pod(pod()), ResultsOfLog(run))

    assert (found.log, found.log_note) == (None, "There is no log: the node removed it with the pod")
