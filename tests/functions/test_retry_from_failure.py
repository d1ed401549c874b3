"""POST /runs/{run_id}/retry {"from": "failure"}: dbt's `retry` on the artifacts of that run."""

import pytest

from jobs_api import store
from jobs_api.ids import attempt_id
from jobs_api.model.run import RunStatus, TriggeredBy
from jobs_api.trigger.dbt_retry import continued_command
from tests.functions.acme import Acme
from tests.functions.people import NOON
from tests.functions.test_retry_run import ended, repeated, retry
from tests.functions.test_run_artifacts import fetched, store_files
from tests.functions.test_trigger_job import container_of

NEEDED = ("manifest.json", "run_results.json")
FROM_FAILURE = {"from": "failure"}


def with_artifacts(acme: Acme) -> None:
    settings = acme.project.settings.model_copy(update={"artifacts": True})
    stored = store.get_project(acme.organization.id, acme.project.id)
    store.update_project(stored.changed(settings, NOON), stored.version)


def test_dbt_continues_the_run_that_was_named_and_no_later_one(acme: Acme) -> None:
    with_artifacts(acme)
    before = ended(acme, command="dbt build --profiles-dir 'a b'", pod_name="before")
    later = ended(acme, pod_name="later")
    store_files(before, *NEEDED)
    store_files(later, *NEEDED)

    answer = retry(acme.alice, before, FROM_FAILURE)

    run = repeated(acme, answer)
    assert (run.command, run.retry_of) == ("dbt retry --profiles-dir 'a b'", before.id)
    assert container_of(acme, answer.json["job_name"])["command"][-4:] == ["dbt", "retry", "--profiles-dir", "a b"]
    assert set(fetched(acme, "previous", run.id)) == {before.id}


def test_an_attempt_continues_the_attempt_before_it_that_stored_something(acme: Acme) -> None:
    with_artifacts(acme)
    before = ended(acme, pod_name="before")
    store_files(before, *NEEDED)
    first = repeated(acme, retry(acme.alice, before, FROM_FAILURE))
    third = acme.triggered(attempt=3, retry_of=first.id, triggered_by=TriggeredBy.RETRY)
    assert set(fetched(acme, "previous", third.id)) == {before.id}

    store_files(acme.triggered(id=attempt_id(first.id, 2), pod_name="second"), *NEEDED)

    assert set(fetched(acme, "previous", third.id)) == {attempt_id(first.id, 2)}


def test_an_attempt_that_did_not_reach_the_warehouse_is_passed_over(acme: Acme) -> None:
    """dbt writes the manifest.json of such a run, and no run_results.json."""
    with_artifacts(acme)
    before = ended(acme, pod_name="before")
    store_files(before, *NEEDED)
    first = repeated(acme, retry(acme.alice, before, FROM_FAILURE))
    store_files(acme.triggered(id=attempt_id(first.id, 2), pod_name="second"), "manifest.json")
    third = acme.triggered(attempt=3, retry_of=first.id, triggered_by=TriggeredBy.RETRY)

    assert set(fetched(acme, "previous", third.id)) == {before.id}


def test_nothing_else_is_continued_where_what_was_named_is_gone(acme: Acme) -> None:
    with_artifacts(acme)
    store_files(ended(acme, pod_name="other"), *NEEDED)
    run = acme.triggered(retry_of="run_gone", triggered_by=TriggeredBy.RETRY)

    assert fetched(acme, "previous", run.id) == []


@pytest.mark.parametrize("files", [(), ("manifest.json",), ("run_results.json",)])
def test_a_run_without_what_dbt_needs_has_nothing_to_retry(acme: Acme, files: tuple[str, ...]) -> None:
    with_artifacts(acme)
    before = ended(acme, pod_name="before")
    if files:
        store_files(before, *files)

    answer = retry(acme.alice, before, FROM_FAILURE)

    assert (answer.status, answer.json["code"]) == (409, "nothing_to_retry")
    assert len(acme.runs()) == 1


def test_a_project_whose_pods_fetch_no_artifacts_has_nothing_to_retry(acme: Acme) -> None:
    before = ended(acme, RunStatus.FAILED, pod_name="before")
    store_files(before, *NEEDED)

    assert retry(acme.alice, before, FROM_FAILURE).json["code"] == "nothing_to_retry"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("dbt build", "dbt retry"),
        ("dbt retry", "dbt retry"),
        ("dbt --quiet build --select a+ --threads 4", "dbt retry"),
        ("dbt --project-dir here run -t prod --profile p", "dbt retry --project-dir here -t prod --profile p"),
        ("dbt run --target=prod --full-refresh --vars '{a: 1}'", "dbt retry --target=prod"),
        ("dbt run --profiles-dir", "dbt retry --profiles-dir"),
        ("dbt run -tprod", "dbt retry -t prod"),
        ("dbt -dxt prod run -s target", "dbt retry -t prod"),
        ("dbt run -sstg_t -m -x", "dbt retry"),
    ],
)
def test_the_command_keeps_where_the_project_is(command: str, expected: str) -> None:
    assert continued_command(command) == expected
