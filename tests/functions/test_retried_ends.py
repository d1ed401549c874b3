"""The write that ends a run and makes its next attempt, and the launch of a run at its time."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from jobs_api import store
from jobs_api.ids import new_id
from jobs_api.ingest.ingester import Pass
from jobs_api.model.actor import Actor
from jobs_api.model.audit import AuditAction, StoredEntry, WrittenBy, entry
from jobs_api.model.run import Run, RunStatus, TriggeredBy
from jobs_api.pulse import passes
from tests.functions.acme import Acme


def failed(run: Run) -> Run:
    return run.model_copy(update={"status": RunStatus.FAILED, "retried_as": f"{run.id}0", "end_time": run.updated_at})


def second(run: Run) -> Run:
    """Return the second attempt of a run."""
    update = {"triggered_by": TriggeredBy.RETRY, "attempt": 2, "retry_of": run.id, "first_triggered_by": "manual"}
    return run.model_copy(update={"id": f"{run.id}0", **update})


def stored(acme: Acme) -> dict[str, Run]:
    return {run.id: run for run in acme.runs()}


def cancelled(acme: Acme, run: Run) -> tuple[Run, StoredEntry]:
    """Return a run with a request to cancel it, and its entry in the audit log."""
    actor, now = Actor(token_id="token"), acme.now()
    by = WrittenBy(actor=actor, at=now, request_id="request")
    made = entry(by, AuditAction.RUN_CANCEL, run.organization_id, run.id, once="cancel", run_id=run.id)
    return run.model_copy(update={"cancel_requested_at": now, "cancelled_by": actor, "updated_at": now}), made


@pytest.fixture
def run(acme: Acme) -> Run:
    """A run whose Job exists."""
    written = acme.triggered()
    assert store.run_launched(written, written.job_name, acme.now())
    return acme.only_run()


def test_an_end_and_the_next_attempt_are_written_together(acme: Acme, run: Run) -> None:
    assert store.advance_run(run, failed(run), next_attempt=second(run))

    after = stored(acme)
    assert (after[run.id].status, after[run.id].retried_as) == (RunStatus.FAILED, f"{run.id}0")
    attempt = after[f"{run.id}0"]
    assert (attempt.attempt, attempt.retry_of, attempt.status) == (2, run.id, RunStatus.PENDING)
    assert (attempt.triggered_by, attempt.first_triggered_by) == (TriggeredBy.RETRY, TriggeredBy.MANUAL)
    assert [one.id for one in store.open_runs(acme.organization.id)] == [attempt.id]


def test_two_passes_at_once_make_one_attempt(acme: Acme, run: Run) -> None:
    with ThreadPoolExecutor(8) as pool:
        written = list(pool.map(lambda _: store.advance_run(run, failed(run), next_attempt=second(run)), range(8)))

    assert sorted(written) == [*[False] * 7, True]
    assert len(acme.runs()) == 2


def test_a_run_that_is_to_be_cancelled_by_then_gets_no_next_attempt(acme: Acme, run: Run) -> None:
    assert store.record_cancel_request(*cancelled(acme, run))

    assert not store.advance_run(run, failed(run), next_attempt=second(run))

    assert acme.only_run().status is RunStatus.PENDING


def test_an_attempt_that_exists_already_does_not_keep_the_one_before_from_ending(acme: Acme, run: Run) -> None:
    assert store.create_run(second(run).model_copy(update={"command": "dbt test"}))

    assert store.advance_run(run, failed(run), next_attempt=second(run))

    after = stored(acme)
    assert after[run.id].status is RunStatus.FAILED
    assert after[f"{run.id}0"].command == "dbt test"


def test_a_run_that_is_seen_only_at_its_end_is_written_with_its_next_attempt_once(acme: Acme) -> None:
    run = acme.triggered().model_copy(update={"id": new_id("run_"), "launch": None})

    assert store.create_run(failed(run), next_attempt=second(run))
    assert not store.create_run(failed(run), next_attempt=second(run))

    assert {f"{run.id}0", run.id} <= stored(acme).keys()


def a_pass(acme: Acme, **after: Any) -> Pass:
    acme.skipped = timedelta(**after)
    return acme.ingest()


def test_a_run_is_launched_at_its_time_and_not_before(acme: Acme) -> None:
    run = acme.triggered(launch_after=acme.now() + timedelta(minutes=10))

    held = a_pass(acme, minutes=9)

    assert held.due == [acme.only_run().launch_after]
    assert acme.only_run().launch == run.launch
    a_pass(acme, minutes=10)
    assert acme.only_run().launch is None
    acme.wait_for_end({"metadata": {"name": run.job_name}})


def test_a_run_that_waits_for_its_time_needs_no_passes_until_then(acme: Acme) -> None:
    acme.triggered(launch_after=acme.now() + timedelta(minutes=10))

    facts = passes.ingest_runs(acme.organization, acme.now).facts

    assert (facts.moving, facts.due) == (False, [acme.only_run().launch_after])


def test_a_run_that_waits_for_its_time_is_cancelled_at_once_and_never_launched(acme: Acme) -> None:
    run = acme.triggered(launch_after=acme.now() + timedelta(minutes=10))

    answer = acme.alice.call("POST", f"/api/v1/runs/{run.id}/cancel", at=acme.now())

    assert (answer.status, answer.json["status"]) == (202, "cancelled")
    assert a_pass(acme, minutes=11).written == 0


def test_a_cluster_that_is_down_at_its_time_gets_an_hour_from_then(acme: Acme) -> None:
    acme.triggered(launch_after=acme.now() + timedelta(hours=1))

    a_pass(acme, hours=1, minutes=59)

    assert acme.only_run().launch is None
