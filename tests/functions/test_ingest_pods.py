"""Runs whose pods are more than one container, in a cluster of real processes; the run is its container `job`."""

from datetime import timedelta
from typing import Any

import pytest

from jobs_api import store
from jobs_api.cluster import Cluster, Object, Stale
from jobs_api.errors import ClusterUnavailable
from jobs_api.ingest import decision as ingest
from jobs_api.ingest.ingester import Incomplete
from jobs_api.k8s import labels
from jobs_api.k8s.observed import observe
from jobs_api.model.run import Run, RunStatus
from tests.functions.acme import Acme, eventually

STAYS = "trap 'exit 0' TERM; while :; do sleep 0.05; done"


def start(acme: Acme, script: str, proxy: str = STAYS, **more: Any) -> Object:
    """Create a Job whose pod has a proxy that stands first in the list."""
    made = acme.manifest(script, **more)
    containers = made["spec"]["template"]["spec"]["containers"]
    security = containers[0]["securityContext"]
    command = ["sh", "-c", proxy]
    containers.insert(0, {"name": "proxy", "image": "python", "command": command, "securityContext": security})
    return acme.cluster.create_job(made)


def start_after(acme: Acme, script: str, *, image: str = "python", sidecar: bool = False) -> Object:
    """Create a Job whose pod has an init container before `echo hello`."""
    first: Object = {"name": "fetch-keys", "image": image, "command": ["sh", "-c", script]}
    if sidecar:
        first["restartPolicy"] = "Always"
    return acme.start("echo hello", pod={"initContainers": [first]})


def wait_for_command(acme: Acme, job: Object) -> Object:
    """Return the Job's pod once the command in it has ended."""

    def ask() -> Object | None:
        pod = acme.cluster.pod_of(job)
        statuses = pod["status"].get("containerStatuses", []) if pod else []
        return pod if any(one["name"] == "job" and "terminated" in one["state"] for one in statuses) else None

    return eventually(ask)


def detail(acme: Acme, job: Object) -> Any:
    return acme.alice.call("GET", f"/api/v1/jobs/{job['metadata']['name']}").json


def test_a_proxy_in_first_place_that_exits_0_does_not_decide_the_run(acme: Acme) -> None:
    job = start(acme, "echo ours; exit 4", proxy="echo the proxy\\'s")
    acme.wait_for_end(job)

    acme.ingest()

    run = acme.only_run()
    assert (run.status, run.exit_code, acme.log_of(run)) == (RunStatus.FAILED, 4, "ours\n")
    assert acme.alice.call("GET", f"/api/v1/jobs/{job['metadata']['name']}/logs").json["logs"] == "ours\n"


@pytest.mark.parametrize(("code", "status"), [(0, RunStatus.SUCCESS), (1, RunStatus.FAILED)])
def test_a_run_ends_with_its_command_and_then_its_pod_though_a_proxy_stays(
    acme: Acme, code: int, status: RunStatus
) -> None:
    job = start(acme, f"echo ours; exit {code}")
    wait_for_command(acme, job)
    assert detail(acme, job)["status"] == status

    acme.ingest()

    run = acme.only_run()
    assert (run.status, run.exit_code, acme.log_of(run)) == (status, code, "ours\n")
    acme.wait_for_end(job)
    eventually(lambda: acme.cluster.pod_of(job) is None)
    assert acme.ingest().written == 0
    assert acme.only_run() == run
    shown = detail(acme, job)
    assert (shown["status"], shown["exit_code"], shown["end_time"]) == (status, code, shown["end_time"])
    assert "deadline" not in shown.get("message", "")
    logs = acme.alice.call("GET", f"/api/v1/jobs/{job['metadata']['name']}/logs").json
    assert (logs["logs"], logs["status"]) == ("ours\n", status)


def test_a_sidecar_that_exits_1_does_no_harm_to_a_success(acme: Acme) -> None:
    job = acme.wait_for_end(start(acme, "echo ours", proxy="exit 1"))

    acme.ingest()

    assert any(one["type"] == "Failed" for one in job["status"]["conditions"])
    run = acme.only_run()
    assert (run.status, run.exit_code, run.error_message) == (RunStatus.SUCCESS, 0, None)
    assert detail(acme, job)["status"] == "success"
    listed = acme.alice.call("GET", "/api/v1/jobs", query={"status": "success"}).json
    assert [one["id"] for one in listed["jobs"]] == [job["metadata"]["name"]]


def test_an_ended_runs_job_is_ended_by_the_next_pass_where_this_one_was_cut_off(
    acme: Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = start(acme, "echo ours")
    wait_for_command(acme, job)

    def moved_on(*_: object) -> Object:
        raise Stale(409, "the Job has moved on")

    with monkeypatch.context() as patch:
        patch.setattr(Cluster, "replace_job", moved_on)
        acme.ingest()
    assert acme.only_run().status is RunStatus.SUCCESS
    assert acme.reread(job)["spec"]["activeDeadlineSeconds"] > 1

    acme.ingest()

    assert acme.wait_for_end(job)["metadata"]["annotations"][labels.COMMAND_END]


def test_a_pod_is_not_ended_before_its_log_is_kept(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    job = start(acme, "echo ours")
    wait_for_command(acme, job)

    def out_of_reach(*_: object, **__: object) -> object:
        raise ClusterUnavailable("the node is out of reach")

    with monkeypatch.context() as patch:
        patch.setattr(Cluster, "stream_log", out_of_reach)
        with pytest.raises(Incomplete):
            acme.ingest()
    assert acme.reread(job)["spec"]["activeDeadlineSeconds"] > 1

    acme.ingest()

    assert acme.log_of(acme.only_run()) == "ours\n"


def test_an_init_container_that_fails_is_named_with_its_code_and_the_end_of_its_log(acme: Acme) -> None:
    acme.wait_for_end(start_after(acme, "seq 1 100; echo 'vault: permission denied'; exit 3"))

    acme.ingest()

    run = acme.only_run()
    assert run.status is RunStatus.ERROR
    assert run.error_message == (
        "The init container fetch-keys exited with code 3, so dbt never started; correct it: "
        "99 | 100 | vault: permission denied"
    )
    assert (run.exit_code, run.log) == (None, None)


@pytest.mark.parametrize("sidecar", [False, True])
def test_an_image_of_an_init_container_that_is_missing_is_called_by_its_own_name(acme: Acme, *, sidecar: bool) -> None:
    job = start_after(acme, "true", image="nonesuch", sidecar=sidecar)

    def waits() -> bool:
        pod = acme.cluster.pod_of(job)
        statuses = pod["status"].get("initContainerStatuses", []) if pod else []
        return any(one["state"].get("waiting", {}).get("reason") == "ImagePullBackOff" for one in statuses)

    eventually(waits)
    acme.skipped = timedelta(seconds=61)
    acme.ingest()

    message = acme.only_run().error_message or ""
    assert "The image nonesuch of the container fetch-keys could not be pulled" in message
    assert "python" not in message
    acme.wait_for_end(job)


def test_a_native_sidecar_is_ended_by_its_node_and_the_run_is_its_command(acme: Acme) -> None:
    job = acme.wait_for_end(start_after(acme, STAYS, sidecar=True))

    acme.ingest()

    assert any(one["type"] == "Complete" for one in job["status"]["conditions"])
    assert acme.log_of(acme.only_run()) == "hello\n"


def test_two_passes_at_once_end_such_a_run_once(acme: Acme) -> None:
    job = start(acme, "echo ours")
    pod = wait_for_command(acme, job)
    decision = ingest.decide(observe(acme.reread(job), pod), None, acme.organization.id, acme.now())
    assert decision.run

    acme.ingest()

    assert not store.create_run(decision.run)
    assert [one.status for one in acme.runs()] == [RunStatus.SUCCESS]
    assert isinstance(acme.only_run(), Run)
