"""Ingests with a cluster that runs real processes: every end of a run, and every interruption of a pass."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs_api import store
from jobs_api.cluster import Cluster, ClusterRejected
from jobs_api.errors import ClusterUnavailable
from jobs_api.ids import derived_id
from jobs_api.ingest import decision
from jobs_api.ingest.ingester import Incomplete
from jobs_api.k8s import labels
from jobs_api.k8s.observed import Observed
from jobs_api.logs import archive
from jobs_api.model.run import RunStatus, TriggeredBy
from jobs_api.trigger.launch import launch
from tests.calls_to_aws import Call, intercept_aws
from tests.functions import passes
from tests.functions.acme import Acme
from tests.functions.refusals import Refuse

EVENTS = Path(__file__).parents[2] / "events"


def out_of_reach(*_: object) -> bool:
    raise ConnectionError("the table is out of reach")


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note every call to AWS that writes, from now on."""
    recorded: list[str] = []

    def recording(call: Call) -> Any:
        if call.writes:
            recorded.append(call.operation)
        return call.make()

    intercept_aws(monkeypatch, recording)
    return recorded


def test_a_run_that_ends_well_is_recorded_with_its_log(acme: Acme) -> None:
    job = acme.finish("echo one; echo two")

    acme.ingest()

    run = acme.only_run()
    assert run.id == derived_id("run_", job["metadata"]["uid"])
    assert (run.status, run.exit_code, run.error_message) == (RunStatus.SUCCESS, 0, None)
    assert (run.job_id, run.job_type, run.command) == (acme.job.id, "build", "dbt build")
    assert run.start_time
    assert run.end_time
    assert run.duration_seconds == (run.end_time - run.start_time).total_seconds()
    assert acme.log_of(run) == "one\ntwo\n"


def test_a_run_that_fails_has_its_exit_code_and_the_line_with_the_reason(acme: Acme) -> None:
    acme.finish("echo 'Parser Error: no such column'; echo bye; exit 3")

    acme.ingest()

    run = acme.only_run()
    assert (run.status, run.exit_code) == (RunStatus.FAILED, 3)
    assert run.error_message == "dbt exited with code 3: Parser Error: no such column"
    assert acme.log_of(run).endswith("bye\n")


def test_a_terminals_sequences_leave_the_message_and_stay_in_the_log(acme: Acme) -> None:
    acme.finish(r"printf '\033]8;;https://x.test\aError: full\033]8;;\a \033[1mdisk\033[0m\n'; exit 1")

    acme.ingest()

    run = acme.only_run()
    assert run.error_message == "dbt exited with code 1: Error: full disk"
    written = "\x1b]8;;https://x.test\aError: full\x1b]8;;\a \x1b[1mdisk\x1b[0m\n"
    path = f"/api/v1/runs/{run.id}/logs"
    assert acme.alice.call("GET", path).json["logs"] == written
    assert acme.alice.call("GET", path, headers={"Accept": "text/plain"}).text == written


def test_a_success_with_warnings_says_so(acme: Acme) -> None:
    acme.finish("echo '02:00:01  Done. PASS=1 WARN=2 ERROR=0 SKIP=0 TOTAL=3'")

    acme.ingest()

    shown = acme.alice.call("GET", f"/api/v1/runs/{acme.only_run().id}").json
    assert (shown["status"], shown["message"]) == ("success", "2 warnings")
    assert "error_message" not in shown


def test_a_run_out_of_memory_is_an_error_that_names_the_limit(acme: Acme) -> None:
    script = "echo starting; exec python -c 'x = bytearray(1 << 30); print(len(x))'"
    acme.finish(script, resources={"limits": {"memory": "96Mi"}})

    acme.ingest()

    run = acme.only_run()
    assert run.status is RunStatus.ERROR, run.error_message
    assert "memory than its limit of 96Mi" in (run.error_message or "")
    assert acme.log_of(run).startswith("starting\n")


def test_a_run_without_an_image_is_given_up_and_cannot_start_later(acme: Acme) -> None:
    job = acme.start("echo hello", image="nonesuch")
    acme.wait_for_pod(job, reason="ImagePullBackOff")

    acme.ingest()
    assert acme.only_run().status is RunStatus.PENDING
    acme.skipped = timedelta(seconds=61)
    acme.ingest()

    run = acme.only_run()
    assert run.status is RunStatus.ERROR
    assert "The image nonesuch could not be pulled (ImagePullBackOff" in (run.error_message or "")
    assert acme.log_of(run) == ""
    ended = acme.wait_for_end(job)
    detail = acme.alice.call("GET", f"/api/v1/jobs/{ended['metadata']['name']}").json
    assert (detail["status"], detail["reason"]) == ("error", "ImagePullBackOff")
    assert acme.ingest().written == 0


def test_a_run_at_its_deadline_is_an_error_and_keeps_its_log(acme: Acme) -> None:
    acme.finish("echo started; exec sleep 300", pod={"activeDeadlineSeconds": 2})

    acme.ingest()

    run = acme.only_run()
    assert run.status is RunStatus.ERROR
    assert "deadline of 2 seconds" in (run.error_message or "")
    assert acme.log_of(run) == "started\n"


def test_a_run_at_its_jobs_deadline_is_an_error_too(acme: Acme) -> None:
    job = acme.start("exec sleep 300")
    acme.wait_for_pod(job)
    acme.ingest()
    job = acme.reread(job)
    job["spec"]["activeDeadlineSeconds"] = 2
    acme.replace(job)
    acme.wait_for_end(job)

    acme.ingest()

    run = acme.only_run()
    assert run.status is RunStatus.ERROR
    assert "deadline of 2 seconds" in (run.error_message or "")
    assert "gone before its log could be read" in acme.log_of(run)


def test_a_run_whose_job_vanishes_is_an_error_after_two_minutes(acme: Acme) -> None:
    job = acme.start("echo started; exec sleep 300")
    acme.wait_for_pod(job)
    acme.ingest()
    assert acme.only_run().status is RunStatus.RUNNING
    acme.delete(job)

    acme.skipped = timedelta(seconds=100)
    assert acme.ingest().written == 0
    acme.skipped = timedelta(seconds=125)
    acme.ingest()

    run = acme.only_run()
    assert run.status is RunStatus.ERROR
    assert "disappeared" in (run.error_message or "")
    assert "gone before its log could be read" in acme.log_of(run)


def test_a_run_whose_pod_is_deleted_ends_with_the_known_facts(acme: Acme) -> None:
    job = acme.finish("echo hello")
    pod = acme.cluster.pod_of(job)
    assert pod
    acme.write("DELETE", f"/api/v1/namespaces/{acme.organization.id}/pods/{pod['metadata']['name']}", {})

    acme.ingest()

    run = acme.only_run()
    assert (run.status, run.exit_code) == (RunStatus.SUCCESS, 0)
    assert "gone before its log could be read" in acme.log_of(run)


def test_the_stored_log_of_a_running_run_is_refused_with_where_to_look(acme: Acme) -> None:
    job = acme.start("exec sleep 300")
    acme.wait_for_pod(job)
    acme.ingest()
    running = acme.only_run()
    assert running.status is RunStatus.RUNNING
    assert running.pod_name
    answer = acme.alice.call("GET", f"/api/v1/runs/{running.id}/logs")
    assert (answer.status, answer.json["code"]) == (409, "run_not_completed")
    assert f"/api/v1/jobs/{running.job_name}/logs" in answer.json["message"]


def test_the_same_pass_again_writes_nothing(acme: Acme, writes: list[str]) -> None:
    acme.finish("echo one")
    acme.finish("exit 1")
    acme.wait_for_pod(acme.start("exec sleep 300"))
    acme.start("echo hello", image="nonesuch")
    acme.ingest()
    assert len(acme.runs()) == 4
    assert writes

    writes.clear()
    again = acme.ingest()

    assert writes == []
    # Ended runs are no longer listed.
    assert (again.jobs, again.written) == (2, 0)


def test_a_pass_that_is_interrupted_after_the_log_is_completed_by_the_next(
    acme: Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme.finish("echo one")

    with monkeypatch.context() as patch:
        patch.setattr(store, "advance_run", out_of_reach)
        with pytest.raises(Incomplete, match="1 runs of org-acme"):
            acme.ingest()
    assert acme.only_run().status is RunStatus.RUNNING
    acme.ingest()

    run = acme.only_run()
    assert (run.status, acme.log_of(run)) == (RunStatus.SUCCESS, "one\n")


def test_a_job_that_is_deleted_after_an_interrupted_pass_keeps_its_run_and_its_log(
    acme: Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = acme.finish("echo one")
    with monkeypatch.context() as patch:
        patch.setattr(store, "advance_run", out_of_reach)
        with pytest.raises(Incomplete):
            acme.ingest()
    acme.delete(job)

    acme.skipped = timedelta(seconds=125)
    acme.ingest()

    run = acme.only_run()
    assert run.status is RunStatus.ERROR
    assert "disappeared" in (run.error_message or "")
    assert acme.log_of(run) == "one\n"


def test_no_log_is_stored_of_a_run_that_cannot_be_written(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    acme.finish("echo one")
    monkeypatch.setattr(store, "create_run", out_of_reach)
    stored: list[object] = []
    monkeypatch.setattr(archive, "store_log", lambda run, *_: stored.append(run))

    with pytest.raises(Incomplete):
        acme.ingest()

    assert stored == []


def test_one_new_run_that_cannot_be_decided_does_not_stop_the_others(
    acme: Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, _ = acme.finish("echo bad"), acme.finish("echo good")
    decide = decision.decide

    def deciding(seen: Observed, *more: Any) -> Any:
        if seen.name == bad["metadata"]["name"]:
            raise ValueError("nobody expected this Job")
        return decide(seen, *more)

    monkeypatch.setattr(decision, "decide", deciding)

    with pytest.raises(Incomplete, match="1 runs of org-acme"):
        acme.ingest()

    assert acme.log_of(acme.only_run()) == "good\n"


def test_one_run_that_cannot_be_ingested_does_not_stop_the_others(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    acme.finish("echo good")
    bad = acme.finish("echo bad")
    stream = Cluster.stream_log

    def of_a_lost_node(self: Cluster, namespace: str, pod: str, **more: Any) -> Iterator[bytes]:
        if pod.startswith(bad["metadata"]["name"]):
            raise ClusterUnavailable("The node does not answer")
        return stream(self, namespace, pod, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Cluster, "stream_log", of_a_lost_node)
        with pytest.raises(Incomplete):
            acme.ingest()
        good = next(run for run in acme.runs() if run.status.ended)
        assert acme.log_of(good) == "good\n"
        # A run does not stay open for a node that does not come back.
        acme.skipped = timedelta(minutes=10, seconds=10)
        acme.ingest()

    lost = next(run for run in acme.runs() if run.job_name == bad["metadata"]["name"])
    assert lost.status is RunStatus.SUCCESS
    assert "gone before its log could be read" in acme.log_of(lost)


def test_a_manual_run_is_recorded_under_its_own_id(acme: Acme) -> None:
    run = acme.triggered("echo by hand")
    acme.ingest()
    acme.wait_for_end({"metadata": {"name": run.job_name}})

    acme.ingest()

    ended = acme.only_run()
    assert (ended.id, ended.status, ended.triggered_by) == (run.id, RunStatus.SUCCESS, TriggeredBy.MANUAL)
    assert acme.log_of(ended) == "by hand\n"


def test_a_run_that_was_launched_but_not_recorded_is_never_launched_twice(acme: Acme) -> None:
    run = acme.triggered("echo once")
    job = acme.cluster.create_job(dict(run.launch or {}))
    acme.wait_for_end(job)

    acme.ingest()
    acme.delete(job)
    acme.skipped = timedelta(minutes=5)
    acme.ingest()

    assert acme.only_run().status is RunStatus.SUCCESS
    assert list(acme.cluster.list_jobs(acme.organization.id, labels.selector())) == [[]]


def test_a_running_job_clears_the_field_that_says_it_waits_for_its_launch(acme: Acme) -> None:
    run = acme.triggered("exec sleep 300")
    acme.wait_for_pod(acme.cluster.create_job(dict(run.launch or {})))

    acme.ingest()

    assert acme.only_run().launch is None
    assert acme.only_run().status is RunStatus.RUNNING
    assert acme.ingest().written == 0


def test_two_runs_of_the_same_second_both_get_a_job(acme: Acme) -> None:
    first = acme.triggered()
    second = acme.triggered(job_name=first.job_name)

    one, other = launch(acme.cluster, first), launch(acme.cluster, second)

    assert one == first.job_name
    assert other.startswith(one)
    assert other != one
    assert len(other) <= 63
    assert (launch(acme.cluster, first), launch(acme.cluster, second)) == (one, other)
    acme.ingest()
    assert {run.id: run.job_name for run in acme.runs()} == {first.id: one, second.id: other}


def test_a_run_that_the_cluster_will_never_take_is_an_error_at_once(acme: Acme) -> None:
    run = acme.triggered("echo hello")
    broken = acme.triggered(launch=acme.manifest("echo hello", backoffLimit=-1))

    acme.ingest()

    ended = store.get_run(acme.organization.id, broken.id)
    assert ended.status is RunStatus.ERROR
    assert "could not be launched" in (ended.error_message or "")
    assert "backoffLimit" in (ended.error_message or "")
    assert acme.status_of(run) is RunStatus.PENDING


def test_a_run_that_the_cluster_refuses_for_now_is_tried_for_an_hour(acme: Acme, refuse: Refuse) -> None:
    run = acme.triggered()
    refuse("POST", "/jobs", status=403)
    acme.ingest()
    assert acme.status_of(run) is RunStatus.PENDING

    refuse()
    acme.ingest()
    assert store.get_run(acme.organization.id, run.id).launch is None


def test_a_run_waits_an_hour_for_a_cluster_that_is_down_and_no_longer(acme: Acme, refuse: Refuse) -> None:
    young = acme.triggered(created_at=acme.now() - timedelta(minutes=59))
    old = acme.triggered(created_at=acme.now() - timedelta(minutes=61))
    refuse("GET", "/jobs")

    with pytest.raises(ClusterUnavailable):
        passes.ingest(acme.organization.id)

    assert acme.status_of(young) is RunStatus.PENDING
    assert acme.status_of(old) is RunStatus.ERROR
    refuse()
    passes.ingest(acme.organization.id)
    assert store.get_run(acme.organization.id, young.id).launch is None


def test_a_cluster_that_forbids_reading_fails_the_pass(acme: Acme, refuse: Refuse) -> None:
    refuse("GET", "/jobs", status=403)

    with pytest.raises(ClusterRejected):
        acme.ingest()


def test_objects_of_others_are_left_alone(acme: Acme) -> None:
    foreign = acme.manifest("echo foreign")
    del foreign["metadata"]["labels"][labels.MANAGED_BY]
    half = acme.manifest("echo half")
    del half["metadata"]["labels"][labels.JOB_ID]
    for job in (foreign, half):
        acme.wait_for_end(acme.cluster.create_job(job))

    acme.ingest()

    assert acme.runs() == []
