"""When a run that waits for its Job may be launched."""

from datetime import timedelta

import pytest

from jobs_api.ingest import unseen_end
from jobs_api.model.run import Run, RunStatus, TriggeredBy
from jobs_api.trigger.waiting import Launchable, allowed_since, launchable
from tests.objects import TWO

MINUTE = timedelta(minutes=1)
AN_ATTEMPT = Run(
    id="run_second",
    organization_id="org-acme",
    project_id="proj_jaffle",
    job_id="job_nightly",
    job_name="jaffle-nightly-20260428-020100",
    cronjob_name="jaffle-nightly",
    namespace="org-acme",
    job_type="build",
    status=RunStatus.PENDING,
    triggered_by=TriggeredBy.RETRY,
    attempt=2,
    retry_of="run_first",
    launch_after=TWO + MINUTE,
    launch={"kind": "Job"},
    created_at=TWO,
    updated_at=TWO,
)


def test_a_run_is_held_back_until_its_time_and_says_when_that_is() -> None:
    assert launchable(AN_ATTEMPT, TWO + 0.99 * MINUTE) == Launchable(now=False, again_at=TWO + MINUTE)
    assert launchable(AN_ATTEMPT, TWO + MINUTE) == Launchable(now=True)


def test_a_run_without_a_time_may_be_launched_at_once() -> None:
    assert launchable(AN_ATTEMPT.model_copy(update={"launch_after": None}), TWO) == Launchable(now=True)


@pytest.mark.parametrize("launch_after", [None, TWO + timedelta(hours=1)])
def test_the_hour_for_a_launch_counts_from_when_it_is_allowed(launch_after: object) -> None:
    run = AN_ATTEMPT.model_copy(update={"launch_after": launch_after})
    end = allowed_since(run) + timedelta(hours=1)

    assert unseen_end.not_launched(run, end - MINUTE) is None
    assert unseen_end.overdue(run, None, end - MINUTE) is None
    late, overdue = unseen_end.not_launched(run, end), unseen_end.overdue(run, None, end)
    assert late
    assert late == overdue
    assert "could not be launched" in str(late.error_message)
