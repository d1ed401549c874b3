"""POST /runs/{run_id}/cancel, on a cluster that runs real processes."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs_api import store
from jobs_api.cancel import ending, recording
from jobs_api.cancel.request import CancelRequest
from jobs_api.cluster import Cluster, Object
from jobs_api.k8s import labels
from jobs_api.model.actor import Actor
from jobs_api.model.audit import StoredEntry, WrittenBy
from jobs_api.model.organization import Role
from jobs_api.model.run import Run, RunStatus
from tests.functions.acme import Acme, eventually, until
from tests.functions.people import Answer, Person
from tests.functions.refusals import Refuse

# Like dbt, the command prints that it got SIGTERM, and exits.
LONG = "trap 'echo cancelled; exit 1' TERM; echo working; while :; do sleep 0.05; done"
REQUESTED = "Run cancellation requested"


def cancel(acme: Acme, run: Run, body: Any = None, caller: Person | None = None, **options: Any) -> Answer:
    return (caller or acme.alice).call("POST", f"/api/v1/runs/{run.id}/cancel", body, at=acme.now(), **options)


def going(acme: Acme, script: str = LONG, run_id: str | None = None, **spec: Any) -> tuple[Object, Run]:
    """Start a run and ingest it while it is open."""
    job = acme.start(script, run_id, **spec)
    acme.wait_for_pod(job)
    acme.ingest()
    (run,) = [run for run in acme.runs() if run.job_name == job["metadata"]["name"]]
    return job, run


def ended(acme: Acme, run: Run) -> Run:
    """Ingest until the run has ended."""

    def ask() -> Run | None:
        acme.ingest()
        found = store.get_run(acme.organization.id, run.id)
        return found if found.status.ended else None

    return eventually(ask)


def suspend(acme: Acme, job: Object) -> None:
    found = acme.reread(job)
    acme.cluster.replace_job({**found, "kind": "Job", "spec": {**found["spec"], "suspend": True}})
    eventually(lambda: acme.cluster.pod_of(job) is None)


def test_a_running_run_is_ended_with_sigterm_and_keeps_its_log(acme: Acme) -> None:
    _, run = going(acme)

    answer = cancel(acme, run, {"reason": "wrong target"})

    assert answer.status == 202
    assert answer.json == {"run_id": run.id, "status": "running", "message": REQUESTED}
    after = ended(acme, run)
    assert (after.status, after.exit_code, after.error_message) == (RunStatus.CANCELLED, 1, None)
    assert acme.log_of(after) == "working\ncancelled\n"
    shown = acme.alice.call("GET", f"/api/v1/runs/{run.id}").json
    assert (shown["status"], shown["cancel_reason"]) == ("cancelled", "wrong target")
    assert shown["cancelled_by"] == {"token_id": "token", "name": "CI of the warehouse"}
    assert shown["cancel_requested_at"] <= shown["end_time"]


def test_a_token_without_a_name_is_on_the_run_by_its_id(acme: Acme) -> None:
    run = acme.triggered()

    cancel(acme, run, caller=Person(acme.organization.id, token_name=""))

    shown = acme.alice.call("GET", f"/api/v1/runs/{run.id}").json
    assert shown["cancelled_by"] == {"token_id": "token"}


def test_a_command_that_ignores_sigterm_is_killed_after_its_grace_period_and_its_log_is_kept(acme: Acme) -> None:
    _, run = going(acme, "trap '' TERM; echo deaf; while :; do sleep 0.05; done")

    cancel(acme, run)

    after = ended(acme, run)
    assert (after.status, after.exit_code) == (RunStatus.CANCELLED, 137)
    assert acme.log_of(after) == "deaf\n"


def test_a_command_that_exits_0_after_sigterm_was_cancelled(acme: Acme) -> None:
    _, run = going(acme, "trap 'exit 0' TERM; while :; do sleep 0.05; done")

    cancel(acme, run)

    assert ended(acme, run).status is RunStatus.CANCELLED


def test_a_pod_of_several_containers_is_cancelled_as_a_whole(acme: Acme) -> None:
    sidecar = {"name": "proxy", "image": "python", "command": ["sh", "-c", "sleep 60"], "restartPolicy": "Always"}
    _, run = going(acme, pod={"initContainers": [sidecar]})

    cancel(acme, run)

    after = ended(acme, run)
    assert after.status is RunStatus.CANCELLED
    assert acme.log_of(after) == "working\ncancelled\n"


def test_repeated_cancels_get_the_same_answer_and_the_first_reason_is_kept(acme: Acme) -> None:
    _, run = going(acme)

    answers = [cancel(acme, run, {"reason": "first"}), cancel(acme, run, {"reason": "second"})]
    ended(acme, run)
    answers.append(cancel(acme, run, {"reason": "third"}))

    assert [answer.status for answer in answers] == [202, 202, 202]
    assert [answer.json["status"] for answer in answers] == ["running", "running", "cancelled"]
    assert {answer.json["message"] for answer in answers} == {REQUESTED}
    assert store.get_run(acme.organization.id, run.id).cancel_reason == "first"


def test_concurrent_cancels_are_all_accepted_and_one_is_recorded(acme: Acme) -> None:
    _, run = going(acme)

    def ask(at: int) -> Run:
        by = WrittenBy(actor=Actor(token_id=f"token {at}"), at=acme.now(), request_id=f"request {at}")
        recorded = recording.record_request(run.organization_id, run.id, CancelRequest(reason=f"number {at}"), by)
        ending.end(acme.cluster, recorded, recorded.job_name, acme.now())
        return recorded

    with ThreadPoolExecutor(8) as pool:
        recorded = list(pool.map(ask, range(8)))

    after = ended(acme, run)
    assert after.status is RunStatus.CANCELLED
    assert {one.cancel_reason for one in recorded} == {after.cancel_reason}
    assert after.cancelled_by
    assert after.cancelled_by.token_id.removeprefix("token ") == str(after.cancel_reason).removeprefix("number ")


@pytest.mark.parametrize(("script", "status"), [("true", "success"), ("exit 3", "failed")])
def test_a_run_that_ends_while_it_is_to_be_cancelled_keeps_its_own_end(
    acme: Acme, monkeypatch: pytest.MonkeyPatch, script: str, status: str
) -> None:
    run = acme.triggered(script)
    acme.ingest()
    acme.wait_for_end(acme.cluster.get_job(acme.organization.namespace, run.job_name))
    note = store.record_cancel_request

    def ended_first(asked: Run, entry: StoredEntry) -> bool:
        acme.ingest()
        return note(asked, entry)

    monkeypatch.setattr(store, "record_cancel_request", ended_first)
    answer = cancel(acme, run)

    assert (answer.status, answer.json["code"]) == (409, "run_already_ended")
    after = store.get_run(acme.organization.id, run.id)
    assert (after.status, after.cancel_requested_at) == (status, None)


def test_a_run_that_is_launched_while_it_is_to_be_cancelled_is_ended_in_the_cluster(
    acme: Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = acme.triggered(LONG)
    end = store.cancel_unlaunched

    def launched_first(before: Run, after: Run, entry: StoredEntry) -> bool:
        acme.ingest()
        acme.wait_for_pod(acme.cluster.get_job(acme.organization.namespace, run.job_name))
        return end(before, after, entry)

    monkeypatch.setattr(store, "cancel_unlaunched", launched_first)
    answer = cancel(acme, run)

    assert (answer.status, answer.json["status"]) == (202, "pending")
    after = ended(acme, run)
    assert after.status is RunStatus.CANCELLED
    assert acme.log_of(after) == "working\ncancelled\n"


@pytest.mark.parametrize(("script", "status"), [("true", "success"), ("exit 3", "failed")])
def test_a_run_that_has_ended_otherwise_cannot_be_cancelled(acme: Acme, script: str, status: str) -> None:
    acme.finish(script)
    acme.ingest()
    run = acme.only_run()

    answer = cancel(acme, run)

    assert (answer.status, answer.json["code"]) == (409, "run_already_ended")
    assert f"ended as {status}" in answer.json["message"]
    assert store.get_run(acme.organization.id, run.id) == run


def test_a_run_that_waits_for_its_job_is_cancelled_at_once_and_never_launched(acme: Acme) -> None:
    run = acme.triggered()

    answer = cancel(acme, run, {"reason": "not today"})

    assert (answer.status, answer.json["status"]) == (202, "cancelled")
    acme.ingest()
    assert list(acme.cluster.list_jobs(acme.organization.namespace, "")) == [[]]
    after = store.get_run(acme.organization.id, run.id)
    assert (after.status, after.launch, after.start_time) == (RunStatus.CANCELLED, None, None)
    assert (after.cancel_reason, after.message) == ("not today", "Cancelled before it was launched")
    assert acme.alice.call("GET", f"/api/v1/runs/{run.id}/logs").json["logs"] == ""


def test_a_pass_that_has_listed_a_run_does_not_launch_it_after_a_cancel(
    acme: Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = acme.triggered()
    open_runs = store.unfinished_runs

    def listed(organization_id: str) -> Iterator[Run]:
        found = list(open_runs(organization_id))
        cancel(acme, run)
        yield from found

    monkeypatch.setattr(store, "unfinished_runs", listed)
    acme.ingest()

    assert list(acme.cluster.list_jobs(acme.organization.namespace, "")) == [[]]


@pytest.mark.parametrize("by", ["trigger", "ingest"])
def test_a_job_that_is_created_while_its_run_is_cancelled_is_ended_at_once(
    acme: Acme, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    if by == "ingest":
        acme.triggered(LONG)
    create = Cluster.create_job

    def cancelled_first(cluster: Cluster, job: Object) -> Object:
        cancel(acme, store.get_run(acme.organization.id, job["metadata"]["labels"][labels.RUN_ID]))
        return create(cluster, job)

    monkeypatch.setattr(Cluster, "create_job", cancelled_first)
    if by == "ingest":
        acme.ingest()
    else:
        acme.alice.call("POST", f"/api/v1/projects/{acme.project.id}/jobs/{acme.job.id}/trigger", at=acme.now())
    run = acme.only_run()

    job = acme.wait_for_end(acme.cluster.get_job(acme.organization.namespace, run.job_name))
    acme.ingest()
    assert not job["status"].get("succeeded")
    assert acme.status_of(run) is RunStatus.CANCELLED


def test_a_job_that_waits_suspended_is_ended_without_a_pod(acme: Acme) -> None:
    job = acme.start("echo never", suspend=True)
    eventually(lambda: acme.reread(job)["status"].get("conditions"))
    acme.ingest()
    run = acme.only_run()

    answer = cancel(acme, run)

    assert (answer.status, answer.json["status"]) == (202, "pending")
    after = ended(acme, run)
    assert (after.status, after.message) == (RunStatus.CANCELLED, "Cancelled before its command was started")
    acme.wait_for_end(job)
    assert acme.cluster.pod_of(job) is None


def test_a_job_that_was_suspended_by_hand_while_it_ran_is_cancelled(acme: Acme) -> None:
    job, run = going(acme)
    suspend(acme, job)

    cancel(acme, run)

    assert ended(acme, run).status is RunStatus.CANCELLED
    acme.wait_for_end(job)
    assert acme.cluster.pod_of(job) is None


def test_a_run_that_waits_for_its_image_is_cancelled_without_having_run(acme: Acme) -> None:
    job = acme.start("echo never", image="nowhere.example.com/missing")
    acme.wait_for_pod(job, reason="ImagePullBackOff")
    acme.ingest()
    run = acme.only_run()

    cancel(acme, run)

    after = ended(acme, run)
    assert (after.status, after.error_message, after.log) == (RunStatus.CANCELLED, None, None)


def test_a_cluster_out_of_reach_does_not_fail_the_call_and_the_next_pass_ends_the_run(
    acme: Acme, refuse: Refuse
) -> None:
    _, run = going(acme)
    refuse("/")

    answer = cancel(acme, run)

    assert (answer.status, answer.json["status"]) == (202, "running")
    refuse()
    after = ended(acme, run)
    assert after.status is RunStatus.CANCELLED
    assert acme.log_of(after) == "working\ncancelled\n"


def test_missing_rights_in_the_cluster_are_reported_and_the_run_is_cancelled_once_they_are_granted(
    acme: Acme, refuse: Refuse
) -> None:
    job, run = going(acme)
    refuse("PATCH", "/pods/", status=403, message="pods is forbidden")

    answer = cancel(acme, run)

    assert answer.status == 202
    assert "deploy/kubernetes/jobs-api.yaml" in answer.json["message"]
    acme.ingest()
    assert acme.status_of(run) is RunStatus.RUNNING
    assert acme.cluster.pod_of(job)
    refuse()
    after = ended(acme, run)
    assert after.status is RunStatus.CANCELLED
    assert acme.log_of(after) == "working\ncancelled\n"


@pytest.mark.parametrize(("code", "status"), [(0, RunStatus.SUCCESS), (3, RunStatus.FAILED)])
def test_a_command_that_ends_by_itself_first_keeps_its_own_end(
    acme: Acme, refuse: Refuse, tmp_path: Path, code: int, status: RunStatus
) -> None:
    job, run = going(acme, f"{until(tmp_path / 'go')}; exit {code}")
    refuse("/")
    cancel(acme, run)
    (tmp_path / "go").touch()
    refuse()
    acme.wait_for_end(job)

    after = ended(acme, run)

    assert (after.status, after.exit_code) == (status, code)
    assert after.cancel_requested_at
    assert cancel(acme, run).json["code"] == "run_already_ended"


def test_a_job_that_somebody_deletes_after_the_request_was_cancelled(acme: Acme, refuse: Refuse) -> None:
    job, run = going(acme)
    refuse("/")
    cancel(acme, run)
    refuse()
    acme.delete(job)
    acme.skipped = timedelta(minutes=3)

    after = ended(acme, run)

    assert (after.status, after.error_message) == (RunStatus.CANCELLED, None)


def test_a_run_of_a_deleted_job_can_be_cancelled(acme: Acme) -> None:
    _, run = going(acme)
    acme.alice.call("DELETE", f"/api/v1/projects/{acme.project.id}/jobs/{acme.job.id}")

    cancel(acme, run)

    assert ended(acme, run).status is RunStatus.CANCELLED


def test_the_live_view_shows_a_cancelled_job_as_one_that_was_ended_from_outside(acme: Acme) -> None:
    job, run = going(acme)
    cancel(acme, run, {"reason": "wrong target"})
    ended(acme, run)

    live = acme.alice.call("GET", f"/api/v1/jobs/{job['metadata']['name']}").json

    assert (live["status"], live["reason"]) == ("error", "Cancelled")
    assert live["message"] == "The run was cancelled: wrong target"
    listed = acme.alice.call("GET", "/api/v1/jobs", query={"status": "error"}).json
    assert [one["run_id"] for one in listed["jobs"]] == [run.id]
    assert acme.alice.call("GET", "/api/v1/jobs", query={"status": "cancelled"}).status == 422


def test_cancelled_runs_are_found_by_their_status(acme: Acme) -> None:
    _, run = going(acme)
    cancel(acme, run)
    ended(acme, run)
    acme.finish("true")
    acme.ingest()

    found = acme.alice.call("GET", f"/api/v1/projects/{acme.project.id}/runs", query={"status": "cancelled"}).json

    assert [one["id"] for one in found["runs"]] == [run.id]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"reason": "x" * 256}, "reason"),
        ({"reason": "x" * 10_000}, "reason"),
        ({"reason": 7}, "reason"),
        ({"reason": ["a"]}, "reason"),
        ({"why": "x"}, "why"),
    ],
)
def test_a_bad_body_is_refused_with_its_field_and_cancels_nothing(acme: Acme, body: dict[str, Any], field: str) -> None:
    run = acme.triggered()

    answer = cancel(acme, run, body)

    assert (answer.status, answer.faulty_fields) == (422, [field])
    assert acme.status_of(run) is RunStatus.PENDING


@pytest.mark.parametrize("body", [None, "", "{}", '{"reason": null}', '{"reason": ""}'])
def test_a_reason_is_not_needed(acme: Acme, body: str | None) -> None:
    run = acme.triggered()

    assert cancel(acme, run, body).status == 202
    assert store.get_run(acme.organization.id, run.id).cancel_reason is None


def test_a_reason_of_the_longest_is_kept_whole_and_a_secret_in_it_is_masked(acme: Acme) -> None:
    longest, telling = acme.triggered(), acme.triggered()

    cancel(acme, longest, {"reason": "ü" * 255})
    cancel(acme, telling, {"reason": "password=hunter2hunter2"})

    assert acme.alice.call("GET", f"/api/v1/runs/{longest.id}").json["cancel_reason"] == "ü" * 255
    assert "hunter2" not in acme.alice.call("GET", f"/api/v1/runs/{telling.id}").text


def test_readers_and_strangers_cancel_nothing(acme: Acme, charlie: Person) -> None:
    run = acme.triggered()

    assert cancel(acme, run, caller=Person(acme.organization.id, Role.READER)).status == 403
    assert cancel(acme, run, caller=charlie).status == 404
    assert acme.status_of(run) is RunStatus.PENDING


@pytest.mark.parametrize("run_id", ["run_unknown", "run_" + "x" * 300, "..", "run_0123456789abcdef"])
def test_an_unknown_run_is_not_found(acme: Acme, run_id: str) -> None:
    assert acme.alice.call("POST", f"/api/v1/runs/{run_id}/cancel").status == 404


def test_a_request_with_a_key_is_answered_as_it_was_the_first_time(acme: Acme) -> None:
    _, run = going(acme)
    headers = {"Idempotency-Key": "once"}

    first = cancel(acme, run, {"reason": "wrong target"}, headers=headers)
    ended(acme, run)

    assert cancel(acme, run, {"reason": "wrong target"}, headers=headers).json == first.json
    assert cancel(acme, run, {"reason": "another"}, headers=headers).status == 409
