"""How long the end of a run is left to a later pass, because a text of its log may be on its way."""

from datetime import timedelta
from typing import cast

import pytest

from jobs_api.cluster import Cluster
from jobs_api.collecting.carried import Carried
from jobs_api.ingest import decision
from jobs_api.ingest.log_storing import PodLogs
from jobs_api.k8s.observed import observe
from jobs_api.model.run import Run, RunStatus
from tests.objects import TWO, job


def run_that(status: RunStatus) -> Run:
    run = decision.decide(observe(job()), None, "org-acme", TWO + timedelta(seconds=6)).run
    assert run
    return run.model_copy(update={"status": status})


@pytest.mark.parametrize(
    ("seconds_ago", "is_awaited"), [(0, True), (14, True), (15, False), (3600, False), (-14, True), (-15, False)]
)
def test_an_end_awaits_a_text_for_a_short_time_whichever_clock_is_ahead(
    seconds_ago: float, *, is_awaited: bool
) -> None:
    logs = PodLogs(cast("Cluster", None), "acme", lambda: TWO, Carried("org-acme", more_on_the_way=True))
    ended_at = TWO - timedelta(seconds=seconds_ago)
    assert logs.awaits_text(run_that(RunStatus.RUNNING), ended_at) is is_awaited
    assert not logs.awaits_text(run_that(RunStatus.PENDING), ended_at)
    assert not logs.awaits_text(run_that(RunStatus.RUNNING), None)


def test_a_pass_that_was_not_requested_awaits_nothing() -> None:
    logs = PodLogs(cast("Cluster", None), "acme", lambda: TWO, Carried("org-acme"))
    assert not logs.awaits_text(run_that(RunStatus.RUNNING), TWO)
