"""Pods of several containers: init containers, sidecars, and the Jobs that own such Pods."""

from collections.abc import Callable
from typing import Any

import pytest
from kubernetes import client

from tests.cluster.manifests import refused
from tests.cluster.workloads import (
    SLEEPS,
    Eventually,
    Object,
    conditions,
    ended_job,
    ended_pod,
    pods_of,
    running_pod,
    shell,
)

type Make = Callable[..., None]

STAYS = shell("trap 'exit 0' TERM; while :; do sleep 0.05; done")


@pytest.fixture
def make(core: client.CoreV1Api, namespace: str, image: str) -> Make:
    """Return a function that creates a Pod named `work` of containers, each a name and a command."""

    def made(*containers: tuple[str, tuple[str, ...]], init: Any = (), sidecars: Any = (), grace: int = 30) -> None:
        spec: Object = {"restartPolicy": "Never", "terminationGracePeriodSeconds": grace}
        first = [_container(image, *one, restartPolicy="Always") for one in sidecars]
        first += [_container(image, *one) for one in init]
        spec |= {"containers": [_container(image, *one) for one in containers], "initContainers": first}
        core.create_namespaced_pod(namespace, {"metadata": {"name": "work"}, "spec": spec})

    return made


def _container(image: str, name: str, command: tuple[str, ...], **more: str) -> Object:
    return {"name": name, "image": image, "imagePullPolicy": "IfNotPresent", "command": list(command), **more}


def states(pod: Any) -> dict[str, Any]:
    both = [*(pod.status.init_container_statuses or []), *(pod.status.container_statuses or [])]
    return {one.name: one.state for one in both}


def test_a_pod_ends_when_its_last_container_has_ended(
    make: Make, core: client.CoreV1Api, namespace: str, eventually: Eventually
) -> None:
    make(("proxy", shell("sleep 2")), ("job", ("true",)))

    def job_ended() -> Any:
        pod = core.read_namespaced_pod("work", namespace)
        found = states(pod).get("job")
        return pod if found and found.terminated and states(pod)["proxy"].running else None

    going = eventually(job_ended)
    assert going.status.phase == "Running"
    assert states(going)["proxy"].running
    assert {one.type: one.status for one in going.status.conditions}["Ready"] == "False"
    assert ended_pod(core, namespace, "work", eventually).status.phase == "Succeeded"


def test_a_pod_of_which_one_container_fails_has_failed(
    make: Make, core: client.CoreV1Api, namespace: str, eventually: Eventually
) -> None:
    make(("proxy", shell("exit 1")), ("job", ("true",)))

    done = ended_pod(core, namespace, "work", eventually)

    assert done.status.phase == "Failed"
    assert states(done)["job"].terminated.exit_code == 0
    assert states(done)["proxy"].terminated.exit_code == 1


def test_a_sidecar_is_there_before_the_others_and_ended_after_them(
    make: Make, core: client.CoreV1Api, namespace: str, eventually: Eventually
) -> None:
    make(("job", shell("sleep 0.3; echo done")), sidecars=[("proxy", STAYS)], init=[("first", ("echo", "first"))])

    done = ended_pod(core, namespace, "work", eventually)

    assert done.status.phase == "Succeeded"
    proxy, first, job = (states(done)[name].terminated for name in ("proxy", "first", "job"))
    assert proxy.started_at <= first.started_at <= job.started_at
    assert proxy.finished_at >= job.finished_at
    assert [one.name for one in done.status.init_container_statuses] == ["proxy", "first"]


def test_a_sidecar_that_does_not_listen_is_killed_at_the_end_of_the_grace(
    make: Make, core: client.CoreV1Api, namespace: str, eventually: Eventually
) -> None:
    make(("job", ("true",)), sidecars=[("proxy", shell("trap '' TERM; while :; do sleep 0.05; done"))], grace=1)

    done = ended_pod(core, namespace, "work", eventually)

    assert done.status.phase == "Succeeded"
    assert states(done)["proxy"].terminated.exit_code == 137


@pytest.mark.parametrize("code", [0, 7])
def test_the_exit_code_of_a_sidecar_does_not_change_the_phase_of_its_pod(
    make: Make, core: client.CoreV1Api, namespace: str, eventually: Eventually, code: int
) -> None:
    make(
        ("job", shell(f"exit {code}")), sidecars=[("proxy", shell("trap 'exit 9' TERM; while :; do sleep 0.05; done"))]
    )

    done = ended_pod(core, namespace, "work", eventually)

    assert done.status.phase == ("Failed" if code else "Succeeded")
    assert states(done)["proxy"].terminated.exit_code == 9


def test_a_sidecar_that_ends_early_is_started_again(
    make: Make, core: client.CoreV1Api, namespace: str, eventually: Eventually
) -> None:
    make(("job", SLEEPS), sidecars=[("proxy", shell("sleep 0.2"))], grace=1)

    def restarted() -> Any:
        pod = core.read_namespaced_pod("work", namespace)
        statuses = pod.status.init_container_statuses or []
        return pod if statuses and statuses[0].restart_count else None

    pod = eventually(restarted)
    assert pod.status.phase == "Running"
    assert {one.type: one.status for one in pod.status.conditions}["Initialized"] == "True"


def test_an_init_container_that_fails_ends_the_pod_and_its_sidecars(
    make: Make, core: client.CoreV1Api, namespace: str, eventually: Eventually
) -> None:
    make(("job", ("true",)), sidecars=[("proxy", STAYS)], init=[("first", shell("echo no; exit 3"))])

    done = ended_pod(core, namespace, "work", eventually)

    assert done.status.phase == "Failed"
    assert states(done)["first"].terminated.exit_code == 3
    assert states(done)["job"].waiting.reason == "PodInitializing"
    assert core.read_namespaced_pod_log("work", namespace, container="first") == "no\n"


def test_a_pod_whose_init_container_has_no_image_waits_for_it(
    core: client.CoreV1Api, namespace: str, image: str, eventually: Eventually
) -> None:
    first = {"name": "first", "image": "no-such-image-anywhere:1", "command": ["true"]}
    spec = {"restartPolicy": "Never", "initContainers": [first], "containers": [_container(image, "job", ("true",))]}
    core.create_namespaced_pod(namespace, {"metadata": {"name": "work"}, "spec": spec})

    def waits() -> Any:
        pod = core.read_namespaced_pod("work", namespace)
        found = states(pod).get("first")
        return pod if found and found.waiting and found.waiting.reason == "ImagePullBackOff" else None

    pod = eventually(waits)
    assert pod.status.phase == "Pending"
    assert states(pod)["job"].waiting.reason == "PodInitializing"


def test_logs_are_those_of_the_container_that_is_asked_for(
    make: Make, core: client.CoreV1Api, namespace: str, eventually: Eventually
) -> None:
    make(("proxy", ("echo", "from the proxy")), ("job", ("echo", "from the job")))
    ended_pod(core, namespace, "work", eventually)

    for name in ("proxy", "job"):
        assert core.read_namespaced_pod_log("work", namespace, container=name) == f"from the {name}\n"
    refusal = refused(lambda: core.read_namespaced_pod_log("work", namespace))
    assert refusal.status == 400
    assert "a container name must be specified for pod work, choose one of: [proxy job]" in refusal.body


def test_a_deleted_pods_sidecars_outlast_its_other_containers(
    make: Make, core: client.CoreV1Api, namespace: str, eventually: Eventually
) -> None:
    script = shell("trap 'sleep 0.5; exit 0' TERM; while :; do sleep 0.05; done")
    sidecar = shell("trap 'echo last; exit 0' TERM; while :; do sleep 0.05; done")
    make(("job", script), sidecars=[("proxy", sidecar)])
    running_pod(core, namespace, "work", eventually)
    following = core.read_namespaced_pod_log(
        "work", namespace, container="proxy", follow=True, timestamps=True, _preload_content=False
    )
    main = core.read_namespaced_pod_log("work", namespace, container="job", follow=True, _preload_content=False)
    core.delete_namespaced_pod("work", namespace)

    assert main.read() == b""
    assert b"last" in following.read()
    eventually(lambda: not core.list_namespaced_pod(namespace).items)


@pytest.mark.parametrize(("proxy", "job", "kind"), [(0, 4, "Failed"), (1, 0, "Failed"), (0, 0, "Complete")])
def test_a_job_counts_the_phase_of_its_pod(
    batch: client.BatchV1Api,
    namespace: str,
    image: str,
    eventually: Eventually,
    proxy: int,
    job: int,
    kind: str,
) -> None:
    containers = [_container(image, "proxy", shell(f"exit {proxy}")), _container(image, "job", shell(f"exit {job}"))]
    template = {"spec": {"restartPolicy": "Never", "containers": containers}}
    batch.create_namespaced_job(
        namespace, {"metadata": {"name": "w"}, "spec": {"backoffLimit": 0, "template": template}}
    )

    assert kind in conditions(ended_job(batch, namespace, "w", eventually))


def test_a_job_whose_pod_has_a_sidecar_completes_by_itself(
    batch: client.BatchV1Api, core: client.CoreV1Api, namespace: str, image: str, eventually: Eventually
) -> None:
    spec = {
        "restartPolicy": "Never",
        "initContainers": [_container(image, "proxy", STAYS, restartPolicy="Always")],
        "containers": [_container(image, "job", ("true",))],
    }
    job = {"metadata": {"name": "w"}, "spec": {"backoffLimit": 0, "template": {"spec": spec}}}
    batch.create_namespaced_job(namespace, job)

    assert "Complete" in conditions(ended_job(batch, namespace, "w", eventually))
    (pod,) = pods_of(core, namespace, "w")
    assert pod.status.phase == "Succeeded"


def test_a_jobs_deadline_ends_what_stays_in_its_pod(
    batch: client.BatchV1Api, core: client.CoreV1Api, namespace: str, image: str, eventually: Eventually
) -> None:
    containers = [_container(image, "job", ("true",)), _container(image, "proxy", STAYS)]
    template = {"spec": {"restartPolicy": "Never", "containers": containers}}
    batch.create_namespaced_job(
        namespace, {"metadata": {"name": "w"}, "spec": {"backoffLimit": 0, "template": template}}
    )

    def job_ended() -> Any:
        found = pods_of(core, namespace, "w")
        return found and (state := states(found[0]).get("job")) and state.terminated

    eventually(job_ended)
    job = batch.read_namespaced_job("w", namespace)
    job.spec.active_deadline_seconds = 1
    batch.replace_namespaced_job("w", namespace, job)

    assert conditions(ended_job(batch, namespace, "w", eventually))["Failed"] == "DeadlineExceeded"
    eventually(lambda: not pods_of(core, namespace, "w"))
