"""Runs that are refused, evicted, replaced or drained, as observed on a real cluster, replayed on the embedded one."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs_api import store
from jobs_api.cluster import Cluster, Object
from jobs_api.ingest import decision, giving_up
from jobs_api.k8s import labels, manifests, run_identity
from jobs_api.model.project import ConcurrencyPolicy
from jobs_api.model.run import RunStatus
from local.cluster.kubelet import Kubelet
from tests.functions.acme import Acme, eventually, job_path, until
from tests.functions.refusals import Refuse

QUOTA = (
    'Error creating: pods "x" is forbidden: exceeded quota: jobs, requested: pods=1, used: pods=10, limited: pods=10'
)


def tell(acme: Acme, about: Object, kind: str, reason: str, message: str) -> None:
    """Write the Event that a controller or a kubelet would."""
    metadata, now = about["metadata"], datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    involved = {"kind": kind, "namespace": metadata["namespace"], "name": metadata["name"], "uid": metadata["uid"]}
    event = {
        "metadata": {"name": f"{metadata['name']}.{reason.lower()}"},
        "involvedObject": involved,
        "type": "Warning",
        "reason": reason,
        "message": message,
        "firstTimestamp": now,
        "lastTimestamp": now,
    }
    acme.write("POST", f"/api/v1/namespaces/{metadata['namespace']}/events", event)


def start_without_pod(acme: Acme) -> Object:
    return acme.start("echo hello", parallelism=0)


def detail(acme: Acme, job: Object) -> Any:
    return acme.alice.call("GET", f"/api/v1/jobs/{job['metadata']['name']}").json


def live_logs(acme: Acme, job: Object) -> Any:
    return acme.alice.call("GET", f"/api/v1/jobs/{job['metadata']['name']}/logs").json


def stored_logs(acme: Acme) -> Any:
    return acme.alice.call("GET", f"/api/v1/runs/{acme.only_run().id}/logs").json


# Pods that are never made


def test_a_job_that_gets_no_pod_says_why_at_once_and_is_given_up_within_minutes(acme: Acme) -> None:
    job = start_without_pod(acme)
    assert detail(acme, job)["message"] == "the Job has no pod yet"
    tell(acme, job, "Job", "FailedCreate", QUOTA)
    other = acme.start("echo another", parallelism=0)
    tell(acme, other, "Job", "FailedCreate", "not this one's")

    shown = detail(acme, job)
    assert (shown["status"], shown["reason"], shown["message"]) == ("pending", "FailedCreate", QUOTA)
    assert live_logs(acme, job)["message"] == f"FailedCreate: {QUOTA}"

    acme.ingest()
    assert {run.status for run in acme.runs()} == {RunStatus.PENDING}
    acme.skipped = giving_up.NOTHING_AFTER + timedelta(seconds=5)
    acme.ingest()

    run = next(run for run in acme.runs() if run.job_uid == job["metadata"]["uid"])
    assert run.status is RunStatus.ERROR
    assert QUOTA in (run.error_message or "")
    ended = acme.wait_for_end(job)
    assert detail(acme, ended)["message"] == run.error_message


def test_a_service_that_may_not_read_events_shows_the_rest_and_gives_up_later(acme: Acme, refuse: Refuse) -> None:
    job = start_without_pod(acme)
    tell(acme, job, "Job", "FailedCreate", QUOTA)
    refuse("GET", "/events", status=403, message='events is forbidden: User "x" cannot list resource "events"')

    assert detail(acme, job)["message"] == "the Job has no pod yet"
    acme.ingest()
    acme.skipped = giving_up.NOTHING_AFTER + timedelta(seconds=5)
    acme.ingest()
    assert acme.only_run().status is RunStatus.PENDING
    acme.skipped = giving_up.SILENT_AFTER + timedelta(seconds=5)
    acme.ingest()

    assert "does not say why" in (acme.only_run().error_message or "")


def test_events_that_cannot_be_read_just_now_are_read_by_the_next_pass(acme: Acme, refuse: Refuse) -> None:
    job = start_without_pod(acme)
    tell(acme, job, "Job", "FailedCreate", QUOTA)
    acme.ingest()
    acme.skipped = giving_up.NOTHING_AFTER + timedelta(seconds=5)

    refuse("GET", "/events", status=503)
    with pytest.raises(Exception, match="could not be ingested"):
        acme.ingest()
    refuse()
    acme.ingest()

    assert QUOTA in (acme.only_run().error_message or "")


# Logs that are missing or incomplete


def test_an_evicted_pod_has_no_log_and_a_message_says_why(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    job = acme.finish("echo lost; exit 1")
    pod = acme.cluster.pod_of(job)
    assert pod
    container = pod["status"]["containerStatuses"][0]["state"]["terminated"]["containerID"]
    pod["status"] |= {"reason": "Evicted", "message": "The node was low on resource: ephemeral-storage."}

    def of_a_kubelet(*_: object, **__: object) -> Iterator[bytes]:
        yield f"unable to retrieve container logs for {container}".encode()

    def evicted(*_: object) -> dict[str, Object]:
        return {job["metadata"]["uid"]: pod}

    with monkeypatch.context() as patch:
        patch.setattr(Cluster, "stream_log", of_a_kubelet)
        patch.setattr(Cluster, "pods_of", evicted)
        patch.setattr(Cluster, "pod_of", lambda *_: pod)
        acme.ingest()
        shown = live_logs(acme, job)

    told = (
        "There is no log: the node removed it with the pod (Evicted: The node was low on resource: ephemeral-storage.)"
    )
    assert (shown["logs"], shown["message"]) == ("", told)
    kept = stored_logs(acme)
    assert (kept["logs"], kept["size_bytes"], kept["truncated"], kept["message"]) == ("", 0, False, told)
    assert "unable to retrieve" not in (acme.only_run().error_message or "")


def test_a_command_that_writes_what_a_kubelet_would_has_a_log(acme: Acme) -> None:
    acme.finish("echo unable to retrieve container logs for containerd://0f")

    acme.ingest()

    assert stored_logs(acme)["logs"] == "unable to retrieve container logs for containerd://0f\n"


# A node keeps each line with its time, 40 bytes more.
MEGABYTES = "yes $(printf %090d 1) | head -c {}000000; echo; "


@pytest.mark.parametrize("looked", [False, True])
def test_a_log_beyond_what_the_node_keeps_is_truncated_and_a_message_says_why(
    acme: Acme, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, looked: bool
) -> None:
    monkeypatch.setattr(Kubelet, "LOOKS_AT_LOGS_EVERY_SECONDS", 0.5)
    job = acme.start(
        f"sleep 4; echo first; {until(tmp_path / 'seen')}; "
        f"{MEGABYTES.format(8)}{until(tmp_path / 'rotated')}; {MEGABYTES.format(5)}"
    )
    pod = acme.wait_for_pod(job)
    eventually(lambda: live_logs(acme, job)["logs"] == "first\n")
    if looked:
        acme.ingest()
        assert acme.only_run().status is RunStatus.RUNNING
    (tmp_path / "seen").touch()
    eventually(lambda: any(tmp_path.parent.glob(f"kubernetes0/pods/{pod['metadata']['uid']}/logs/*.log.*")))
    (tmp_path / "rotated").touch()
    acme.wait_for_end(job)

    acme.ingest()

    assert acme.only_run().status is RunStatus.SUCCESS
    kept = stored_logs(acme)
    assert kept["truncated"]
    assert "10 MiB" in kept["message"]
    assert kept["size_bytes"] < 8_000_000


def test_the_beginning_of_a_log_is_recorded_once(acme: Acme, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    job = acme.start(f"{until(tmp_path / 'go')}; echo first; exec sleep 300")
    acme.wait_for_pod(job)
    acme.ingest()
    assert acme.only_run().log_begins == f"{acme.only_run().pod_name} "
    (tmp_path / "go").touch()
    eventually(lambda: live_logs(acme, job)["logs"])

    acme.ingest()

    run = acme.only_run()
    assert (run.log_begins or "").startswith(f"{run.pod_name} 20")
    monkeypatch.setattr(Cluster, "log_begins", lambda *_: pytest.fail("it is known"))
    assert acme.ingest().written == 0
    acme.delete(job)


# Runs that are replaced, and nodes that are drained


def scheduled(acme: Acme, script: str, slot: datetime) -> Object:
    made = acme.manifest(script)
    made["metadata"]["annotations"][run_identity.SCHEDULED_FOR] = slot.isoformat().replace("+00:00", "Z")
    made["metadata"]["labels"][labels.TRIGGERED_BY] = "scheduled"
    return acme.cluster.create_job(made)


def with_policy(acme: Acme, policy: ConcurrencyPolicy) -> None:
    settings = acme.project.settings.model_copy(update={"concurrency_policy": policy})
    store.update_project(acme.project.changed(settings, acme.now()), acme.project.version)


@pytest.mark.parametrize("policy", ConcurrencyPolicy)
def test_a_run_that_was_replaced_ends_at_once_with_the_reason(acme: Acme, policy: ConcurrencyPolicy) -> None:
    with_policy(acme, policy)
    slot = acme.now().replace(second=0, microsecond=0)
    first = scheduled(acme, "echo first; exec sleep 300", slot - timedelta(minutes=1))
    acme.wait_for_pod(first)
    acme.ingest()
    (before,) = acme.runs()
    acme.delete(first)
    second = scheduled(acme, "exec sleep 300", slot)

    acme.ingest()

    run = acme.status_of(before)
    if policy is not ConcurrencyPolicy.REPLACE:
        assert run is RunStatus.RUNNING
        return
    assert run is RunStatus.ERROR
    ended = store.get_run(acme.organization.id, before.id)
    assert ended.end_time
    assert ended.end_time.isoformat() == second["metadata"]["creationTimestamp"].replace("Z", "+00:00")
    assert "took its place" in (ended.error_message or "")
    acme.delete(second)


def test_the_log_of_a_replaced_run_is_kept_while_its_pod_takes_its_time_to_end(acme: Acme) -> None:
    with_policy(acme, ConcurrencyPolicy.REPLACE)
    slot = acme.now().replace(second=0, microsecond=0)
    script = "trap 'sleep 20; exit 0' TERM; echo first; while :; do sleep 0.1; done"
    first = scheduled(acme, script, slot - timedelta(minutes=1))
    acme.wait_for_pod(first)
    acme.replace(acme.reread(first))
    eventually(lambda: live_logs(acme, first)["logs"])
    acme.ingest()
    (before,) = acme.runs()
    acme.write("DELETE", job_path(first), {"propagationPolicy": "Orphan"})
    scheduled(acme, "exec sleep 300", slot)

    acme.ingest()

    answer = acme.alice.call("GET", f"/api/v1/runs/{before.id}/logs").json
    assert (answer["logs"], answer["truncated"]) == ("first\n", True)
    assert "replaced" in answer["message"]


def test_once_a_drained_node_has_taken_the_pod_the_live_view_says_what_the_record_says(acme: Acme) -> None:
    job = acme.finish("echo no; exit 1")
    acme.ingest()
    run = acme.only_run()
    pod = acme.cluster.pod_of(job)
    assert pod
    name = pod["metadata"]["name"]
    acme.write("DELETE", f"/api/v1/namespaces/{acme.organization.namespace}/pods/{name}", {"gracePeriodSeconds": 0})
    eventually(lambda: acme.cluster.pod_of(job) is None)

    shown = detail(acme, job)
    (listed,) = acme.alice.call("GET", "/api/v1/jobs", query={"status": "failed"}).json["jobs"]

    assert (shown["status"], shown["exit_code"]) == ("failed", 1)
    assert shown["message"] == run.error_message
    assert shown["pod_name"] == name
    assert "reason" not in shown
    assert listed.items() <= shown.items()
    assert shown["duration_seconds"] == run.duration_seconds
    assert acme.alice.call("GET", "/api/v1/jobs", query={"status": "error"}).json["total"] == 0
    assert live_logs(acme, job)["logs"] == "no\n"


def test_a_deleted_jobs_runs_keep_the_name_of_their_cronjob(acme: Acme) -> None:
    cronjob = acme.cluster.create_cronjob(manifests.cronjob(acme.project, acme.job, acme.now()))
    metadata = cronjob["metadata"]
    made = acme.manifest("exec sleep 300")
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": metadata["name"], "uid": metadata["uid"]}
    made["metadata"]["ownerReferences"] = [{**owner, "controller": True}]
    job = acme.cluster.create_job(made)

    acme.cluster.delete_cronjob(
        acme.organization.namespace, metadata["name"], metadata["uid"], metadata["resourceVersion"]
    )
    eventually(lambda: "ownerReferences" not in acme.reread(job)["metadata"])

    assert detail(acme, job)["cronjob_name"] == acme.job.cronjob_name
    acme.skipped = decision.STARTS_WITHIN
    acme.ingest()
    assert acme.only_run().cronjob_name == acme.job.cronjob_name
    acme.delete(job)


def test_a_pod_that_gets_no_sandbox_says_why_and_is_given_up_within_minutes(acme: Acme) -> None:
    # The embedded kubelet ignores pods of another node, so this test writes what that node's kubelet would.
    job = acme.start("echo hello", pod={"nodeName": "elsewhere"})
    pod = eventually(lambda: acme.cluster.pod_of(job))
    message = 'Failed to create pod sandbox: plugin type="aws-cni" failed: failed to assign an IP address to container'
    tell(acme, pod, "Pod", "FailedCreatePodSandBox", message)
    waits = {"name": "job", "image": "python", "state": {"waiting": {"reason": "ContainerCreating"}}}
    conditions = [{"type": "PodReadyToStartContainers", "status": "False"}, {"type": "PodScheduled", "status": "True"}]
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    status = {"phase": "Pending", "startTime": now, "conditions": conditions, "containerStatuses": [waits]}
    path = f"/api/v1/namespaces/{acme.organization.namespace}/pods/{pod['metadata']['name']}/status"
    acme.write("PUT", path, {**pod, "apiVersion": "v1", "kind": "Pod", "status": status})

    shown = detail(acme, job)
    assert (shown["status"], shown["reason"], shown["message"]) == ("pending", "FailedCreatePodSandBox", message)
    assert live_logs(acme, job)["message"] == f"FailedCreatePodSandBox: {message}"

    acme.ingest()
    acme.skipped = giving_up.NOTHING_AFTER + timedelta(seconds=5)
    acme.ingest()

    run = acme.only_run()
    assert run.status is RunStatus.ERROR
    assert message in (run.error_message or "")
    assert acme.reread(job)["spec"]["activeDeadlineSeconds"] == 1
