"""Settled Jobs are labelled and then not listed or read any more, and no run is lost by that.

And what a pass lists may be old: it never ends a run over that.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs_api import schedule, store
from jobs_api.cluster import Object, Stale
from jobs_api.cluster.connection import Connection
from jobs_api.errors import ClusterUnavailable
from jobs_api.ingest import settled_jobs
from jobs_api.ingest.finished_cache import FORGOTTEN_AFTER, Settled
from jobs_api.k8s import run_identity
from jobs_api.model.organization import CHECKED_EVERY
from jobs_api.model.project import ConcurrencyPolicy
from jobs_api.model.run import Run, RunStatus
from local.cluster import EmbeddedCluster
from tests.functions.acme import Acme, eventually, until
from tests.functions.refusals import Refuse
from tests.functions.test_runs_in_trouble import scheduled, with_policy

FIVE_MINUTES = timedelta(minutes=5)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note what is asked of the cluster, by method and the rest of the path behind the namespace."""
    recorded: list[str] = []
    send = Connection.send

    def recording(self: Connection, method: str, path: str, *arguments: Any, **options: Any) -> Any:
        recorded.append(f"{method} {path.partition('/namespaces/')[2].partition('/')[2]}")
        return send(self, method, path, *arguments, **options)

    monkeypatch.setattr(Connection, "send", recording)
    return recorded


@pytest.fixture
def new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clear the caches before each pass, as in a new process."""
    monkeypatch.setattr(settled_jobs, "_unlabelled", Settled())
    monkeypatch.setattr(Settled, "holds", lambda *_: False)


@pytest.fixture
def lagging(embedded_cluster: EmbeddedCluster) -> Iterator[EmbeddedCluster]:
    """Return a cluster whose watch cache can be frozen."""
    yield embedded_cluster
    embedded_cluster.lag(lags=False)


def is_labelled(acme: Acme, job: Object) -> bool:
    return run_identity.is_labelled_settled(acme.reread(job))


def labelled_by_hand(acme: Acme, job: Object, *, settled: bool = True) -> None:
    def written() -> bool:
        try:
            acme.cluster.replace_job(run_identity.labelled(acme.reread(job), settled=settled))
        except Stale:
            return False  # its controller wrote as well
        return True

    eventually(written)


def run_of(acme: Acme, job: Object) -> Run:
    return store.get_run(acme.organization.id, run_identity.run_id_of(job))


def next_slot(acme: Acme) -> datetime:
    assert acme.job.settings.schedule
    slot = schedule.next_fire(acme.job.settings.schedule, acme.job.settings.timezone, acme.now())
    assert slot
    return slot


@pytest.mark.usefixtures("new_process")
def test_ended_jobs_cost_the_next_pass_nothing(acme: Acme, asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    ended = [acme.finish(script) for script in ("true", "exit 1", "true")]
    going = acme.start("exec sleep 300")
    acme.wait_for_pod(going)
    acme.ingest()
    assert [is_labelled(acme, job) for job in (*ended, going)] == [True, True, True, False]
    read: list[set[str]] = []
    find_runs = store.find_runs

    def recording(organization_id: str, run_ids: set[str]) -> dict[str, Run]:
        read.append(run_ids)
        return find_runs(organization_id, run_ids)

    monkeypatch.setattr(store, "find_runs", recording)
    asked.clear()

    again = acme.ingest()

    assert again.jobs == 1
    # The run of the open Job is read with the index of open runs.
    assert read == []
    assert asked.count("GET jobs") == 1
    assert not [call for call in asked if call.startswith(("PUT", "GET jobs/"))]


def test_an_ended_job_is_shown_as_a_live_job(acme: Acme) -> None:
    job = acme.finish("true")
    acme.ingest()
    assert is_labelled(acme, job)

    shown = acme.alice.call("GET", "/api/v1/jobs", at=acme.now()).json

    assert [one["id"] for one in shown["jobs"]] == [job["metadata"]["name"]]


def test_a_label_that_was_lost_is_written_again_and_nothing_else(acme: Acme) -> None:
    job = acme.finish("true")
    acme.ingest()
    before = acme.only_run()
    labelled_by_hand(acme, job, settled=False)

    made = acme.ingest()

    assert is_labelled(acme, job)
    assert (made.written, acme.only_run()) == (0, before)


def test_a_pass_that_is_cut_off_before_the_label_leaves_that_to_the_next(acme: Acme, refuse: Refuse) -> None:
    job = acme.finish("true")
    refuse("PUT", "/jobs/")
    acme.ingest()
    assert not is_labelled(acme, job)
    run = acme.only_run()
    assert run.status is RunStatus.SUCCESS
    refuse()

    acme.skipped += FORGOTTEN_AFTER
    acme.ingest()

    assert is_labelled(acme, job)
    assert acme.only_run() == run


def test_where_labels_are_not_allowed_the_pass_continues_and_says_so_once(
    acme: Acme, refuse: Refuse, asked: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    ended = [acme.finish("true") for _ in range(3)]
    more = [acme.finish("true") for _ in range(20)]
    refuse("PUT", "/jobs/", status=403, message="jobs.batch is forbidden")

    acme.ingest()

    assert len(acme.runs()) == len(ended) + len(more)
    (warning,) = (line for line in caplog.records if "not labelled as settled" in line.message)
    assert warning.levelname == "WARNING"
    # The requests that were already sent when the first was refused.
    assert len([call for call in asked if call.startswith("PUT")]) <= 20
    asked.clear()

    again = acme.ingest()

    assert again.jobs == 23
    # A process remembers the refused ones for an hour, and does not try them again until then.
    assert not [call for call in asked if call.startswith(("PUT", "GET jobs/", "GET pods"))]


def test_a_running_job_that_somebody_labelled_ends_as_any_other_and_loses_the_label(acme: Acme, tmp_path: Path) -> None:
    job = acme.start(until(tmp_path / "go"))
    acme.wait_for_pod(job)
    acme.ingest()
    labelled_by_hand(acme, job)
    acme.skipped += FIVE_MINUTES
    acme.ingest()
    assert acme.only_run().status is RunStatus.RUNNING

    acme.ingest()
    assert not is_labelled(acme, job), "the pass after one that met it looks at all that are labelled"
    (tmp_path / "go").touch()
    acme.wait_for_end(job)
    acme.ingest()

    assert acme.only_run().status is RunStatus.SUCCESS
    assert is_labelled(acme, job)


def test_a_job_that_was_labelled_before_anybody_saw_it_is_found_within_a_day(acme: Acme) -> None:
    acme.ingest()
    job = acme.start("echo hello")
    labelled_by_hand(acme, job)
    acme.wait_for_end(job)
    acme.ingest()
    assert acme.runs() == []

    acme.skipped += CHECKED_EVERY
    acme.ingest()

    assert acme.log_of(run_of(acme, job)) == "hello\n"


def test_a_slot_whose_job_was_labelled_before_anybody_saw_it_is_not_missed(acme: Acme) -> None:
    acme.ingest()
    slot = next_slot(acme)
    job = scheduled(acme, "echo hello", slot)
    labelled_by_hand(acme, job)
    acme.wait_for_end(job)
    acme.skipped = slot + timedelta(hours=2) - datetime.now(UTC)

    acme.ingest()
    assert acme.runs() == []
    acme.ingest()

    assert (acme.only_run().status, acme.only_run().scheduled_for) == (RunStatus.SUCCESS, slot)


def test_a_job_of_a_slot_that_is_still_to_come_here_is_labelled_once_that_has_come(acme: Acme) -> None:
    """The cluster's clock is ahead: only a slot that has come can be accounted for."""
    slot = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=9)
    job = scheduled(acme, "true", slot)
    acme.wait_for_end(job)
    acme.ingest()
    assert acme.only_run().status is RunStatus.SUCCESS
    assert not is_labelled(acme, job)

    acme.skipped += timedelta(minutes=10)
    acme.ingest()

    assert is_labelled(acme, job)


# -- lists may be old


def test_a_run_whose_job_the_cache_does_not_show_yet_stays_open(acme: Acme, lagging: EmbeddedCluster) -> None:
    lagging.lag()
    run = acme.triggered("echo hello")
    acme.ingest()
    acme.skipped += FIVE_MINUTES

    acme.ingest()
    acme.wait_for_end(acme.cluster.get_job(run.namespace, run.job_name))
    acme.skipped += FIVE_MINUTES
    acme.ingest()

    # The pass read this one Job from the cluster and learned how it ended.
    assert acme.status_of(run) is RunStatus.SUCCESS


@pytest.mark.parametrize("script", ["true", "exit 1"])
def test_a_job_that_an_old_cache_shows_as_running_is_not_given_up(
    acme: Acme, lagging: EmbeddedCluster, script: str
) -> None:
    job = acme.start(script, activeDeadlineSeconds=60, suspend=True)
    acme.ingest()
    lagging.lag()
    acme.cluster.replace_job({**acme.reread(job), "spec": {**acme.reread(job)["spec"], "suspend": False}})
    acme.wait_for_end(job)

    acme.skipped += timedelta(days=1)
    acme.ingest()
    assert run_of(acme, job).status is not RunStatus.ERROR
    lagging.lag(lags=False)
    acme.ingest()

    assert run_of(acme, job).status is (RunStatus.SUCCESS if script == "true" else RunStatus.FAILED)


def test_a_slot_whose_job_the_cache_does_not_show_is_not_missed(acme: Acme, lagging: EmbeddedCluster) -> None:
    slot = next_slot(acme)
    lagging.lag()
    job = scheduled(acme, "true", slot)
    acme.wait_for_end(job)
    acme.skipped = slot + timedelta(hours=2) - datetime.now(UTC)

    acme.ingest()
    assert acme.runs() == []
    lagging.lag(lags=False)
    acme.ingest()

    assert (acme.only_run().status, acme.only_run().scheduled_for) == (RunStatus.SUCCESS, slot)


def test_a_job_that_the_cache_still_shows_after_it_went_does_not_come_back(
    acme: Acme, lagging: EmbeddedCluster
) -> None:
    job = acme.finish("echo hello")
    acme.ingest()
    before = acme.only_run()
    labelled_by_hand(acme, job, settled=False)
    lagging.lag()
    acme.delete(job)

    made = acme.ingest()

    assert (made.written, made.failed) == (0, 0)
    assert acme.only_run() == before


def test_a_replaced_run_has_its_reason_where_the_next_one_is_labelled_already(acme: Acme) -> None:
    with_policy(acme, ConcurrencyPolicy.REPLACE)
    noon = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=10)
    older = scheduled(acme, "exec sleep 300", noon)
    acme.wait_for_pod(older)
    acme.ingest()
    newer = scheduled(acme, "true", noon + timedelta(minutes=1))
    acme.wait_for_end(newer)
    acme.ingest()
    assert is_labelled(acme, newer)
    acme.delete(older)
    acme.skipped += FIVE_MINUTES

    acme.ingest()

    ended = next(run for run in acme.runs() if run.scheduled_for == noon)
    assert "took its place" in str(ended.error_message)


def test_a_list_that_breaks_off_fails_the_pass_and_ends_nothing(acme: Acme, refuse: Refuse) -> None:
    acme.wait_for_pod(acme.start("exec sleep 300"))
    acme.ingest()
    acme.skipped += timedelta(days=2)
    refuse("GET", "/jobs")

    with pytest.raises(ClusterUnavailable):
        acme.ingest()

    assert acme.only_run().status is RunStatus.RUNNING
