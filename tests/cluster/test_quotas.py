"""LimitRanges and ResourceQuotas: their defaults, their refusals, and how controllers handle a refusal."""

from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from tests.cluster.conftest import Cluster
from tests.cluster.manifests import refused
from tests.cluster.workloads import SLEEPS, Eventually, cronjob, ended_job, job, pod

MAX = {"type": "Container", "max": {"cpu": "2"}, "default": {"cpu": "1"}, "defaultRequest": {"cpu": "250m"}}


def limit(core: client.CoreV1Api, namespace: str, item: dict[str, Any]) -> None:
    core.create_namespaced_limit_range(namespace, {"metadata": {"name": "jobs"}, "spec": {"limits": [item]}})


def allow(core: client.CoreV1Api, namespace: str, eventually: Eventually, **hard: str) -> None:
    spec = {"hard": {name.replace("__", "/").replace("_", "."): amount for name, amount in hard.items()}}
    core.create_namespaced_resource_quota(namespace, {"metadata": {"name": "jobs"}, "spec": spec})
    # A real cluster counts existing objects before it admits new ones.
    eventually(lambda: core.read_namespaced_resource_quota("jobs", namespace).spec.hard)


def warned(core: client.CoreV1Api, namespace: str, uid: str) -> list[str]:
    found = core.list_namespaced_event(namespace, field_selector=f"involvedObject.uid={uid},type=Warning").items
    return [one.message for one in found if one.reason == "FailedCreate"]


def test_a_container_gets_what_it_does_not_ask_for(core: client.CoreV1Api, namespace: str, image: str) -> None:
    limit(core, namespace, MAX)

    silent = core.create_namespaced_pod(namespace, pod("silent", image, ("true",)))
    own = {"limits": {"cpu": "500m"}}
    limited = core.create_namespaced_pod(namespace, pod("limited", image, ("true",), resources=own))

    assert (
        silent.spec.containers[0].resources.to_dict().items()
        >= {
            "limits": {"cpu": "1"},
            "requests": {"cpu": "250m"},
        }.items()
    )
    assert limited.spec.containers[0].resources.requests == {"cpu": "500m"}


@pytest.mark.parametrize("dry", [None, "All"])
def test_a_pod_beyond_a_limit_is_refused_in_a_dry_run_too(
    core: client.CoreV1Api, namespace: str, image: str, dry: str | None
) -> None:
    limit(core, namespace, MAX)
    wanted = pod("large", image, ("true",), resources={"limits": {"cpu": "16"}})

    refusal = refused(lambda: core.create_namespaced_pod(namespace, wanted, dry_run=dry))

    assert refusal.status == 403
    assert 'pods \\"large\\" is forbidden: maximum cpu usage per Container is 2, but limit is 16' in refusal.body


def test_ended_pods_count_in_no_quota(
    core: client.CoreV1Api, cluster: Cluster, namespace: str, eventually: Eventually, tmp_path: Path
) -> None:
    # Processes of the embedded cluster see this machine's files; on a real cluster the image takes its time.
    refusal_is_seen = tmp_path / "seen"
    wait = f"until [ -e {refusal_is_seen} ]; do sleep 0.1; done" if cluster.embedded else "sleep 20"
    image = cluster.image
    allow(core, namespace, eventually, pods="1")
    core.create_namespaced_pod(namespace, pod("first", image, ("sh", "-c", wait)))
    message = refused(lambda: core.create_namespaced_pod(namespace, pod("second", image, ("true",)))).body
    assert "exceeded quota: jobs, requested: pods=1, used: pods=1, limited: pods=1" in message

    refusal_is_seen.touch()
    eventually(lambda: core.read_namespaced_pod("first", namespace).status.phase == "Succeeded")

    def taken() -> bool:
        try:
            core.create_namespaced_pod(namespace, pod("second", image, ("true",)))
        except client.ApiException:
            return False
        return True

    eventually(taken)


def test_a_pod_must_say_what_a_quota_counts(
    core: client.CoreV1Api, namespace: str, image: str, eventually: Eventually
) -> None:
    allow(core, namespace, eventually, requests_cpu="4")

    message = refused(lambda: core.create_namespaced_pod(namespace, pod("silent", image, ("true",)))).body

    assert "failed quota: jobs: must specify requests.cpu for: main" in message


def test_a_job_whose_pod_is_refused_has_none_and_events_say_why(
    core: client.CoreV1Api, batch: client.BatchV1Api, namespace: str, image: str, eventually: Eventually
) -> None:
    limit(core, namespace, MAX)
    wanted = job("w", image, SLEEPS)
    wanted["spec"]["template"]["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "16"}}
    made = batch.create_namespaced_job(namespace, wanted)

    message = eventually(lambda: warned(core, namespace, made.metadata.uid))

    assert "is forbidden: maximum cpu usage per Container is 2, but limit is 16" in message[0]
    assert message[0].startswith("Error creating: pods ")
    status = batch.read_namespaced_job("w", namespace).status
    assert (status.active or 0, status.failed or 0) == (0, 0)
    going = batch.read_namespaced_job("w", namespace)
    going.spec.active_deadline_seconds = 1
    batch.replace_namespaced_job("w", namespace, going)
    assert ended_job(batch, namespace, "w", eventually).status.conditions[-1].reason == "DeadlineExceeded"


def test_a_cronjob_that_may_make_no_job_says_so(
    core: client.CoreV1Api, batch: client.BatchV1Api, namespace: str, image: str, eventually: Eventually
) -> None:
    allow(core, namespace, eventually, count__jobs_batch="0")
    wanted = cronjob("nightly", image, ("true",))
    refusal = refused(lambda: batch.create_namespaced_job(namespace, job("w", image, ("true",))))

    assert refusal.status == 403
    assert "exceeded quota: jobs, requested: count/jobs.batch=1, used: count/jobs.batch=0" in refusal.body
    assert batch.create_namespaced_cron_job(namespace, wanted).metadata.name == "nightly"
