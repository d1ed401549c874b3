"""Pods: their phases, their containers' states, and the environment of their processes."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from kubernetes import client

from tests.cluster.manifests import refused
from tests.cluster.workloads import SLEEPS, Eventually, Object, ended_pod, pod, running_pod, shell

type Run = Callable[..., Any]


@pytest.fixture
def create(core: client.CoreV1Api, namespace: str, image: str) -> Run:
    """Return a function that creates a Pod named `work`."""

    def made(command: tuple[str, ...], restart: str = "Never", **more: Any) -> Any:
        return core.create_namespaced_pod(namespace, pod("work", more.pop("image", image), command, restart, **more))

    return made


@pytest.fixture
def run(create: Run, core: client.CoreV1Api, namespace: str, eventually: Eventually) -> Run:
    """Return a function that creates a Pod named `work` and waits for its end."""

    def made(command: tuple[str, ...], **more: Any) -> Any:
        create(command, **more)
        return ended_pod(core, namespace, "work", eventually)

    return made


@pytest.fixture
def printed(run: Run, core: client.CoreV1Api, namespace: str) -> Callable[..., list[str]]:
    """Return a function that runs a command and returns the lines that it printed."""

    def lines(command: tuple[str, ...], **more: Any) -> list[str]:
        ended = run(command, **more)
        output: str = core.read_namespaced_pod_log("work", namespace)
        assert ended.status.phase == "Succeeded", output
        return output.splitlines()

    return lines


@pytest.fixture
def waiting(core: client.CoreV1Api, namespace: str, eventually: Eventually) -> Callable[..., Any]:
    """Return a function that waits until the container waits for one of some reasons, and returns that state."""

    def state(*reasons: str) -> Any:
        def ask() -> Any:
            statuses = core.read_namespaced_pod("work", namespace).status.container_statuses or []
            states = [one.state.waiting for one in statuses if one.state.waiting]
            return next((one for one in states if one.reason in reasons), None)

        return eventually(ask)

    return state


def terminated(pod: Any) -> Any:
    return pod.status.container_statuses[0].state.terminated


def held(pod: Any) -> dict[str, str]:
    return {one.type: one.status for one in pod.status.conditions}


def test_a_pod_that_runs_says_so(create: Run, core: client.CoreV1Api, namespace: str, eventually: Eventually) -> None:
    create(SLEEPS)
    running = running_pod(core, namespace, "work", eventually)
    (status,) = running.status.container_statuses
    assert status.state.running.started_at
    assert (status.ready, status.started, status.restart_count) == (True, True, 0)
    expected = dict.fromkeys(("PodScheduled", "Initialized", "ContainersReady", "Ready"), "True")
    assert held(running).items() >= expected.items()
    assert running.status.start_time
    assert running.spec.node_name


def test_a_pod_that_succeeded_says_so(run: Run) -> None:
    done = run(("true",))
    assert done.status.phase == "Succeeded"
    ended = terminated(done)
    assert (ended.exit_code, ended.reason) == (0, "Completed")
    assert ended.started_at <= ended.finished_at
    assert held(done).items() >= {"Initialized": "True", "Ready": "False", "ContainersReady": "False"}.items()
    assert {one.reason for one in done.status.conditions if one.type == "Ready"} == {"PodCompleted"}


@pytest.mark.parametrize(("script", "code"), [("exit 3", 3), ("kill -KILL $$$$", 137), ("exit 255", 255)])
def test_a_pod_that_failed_says_how(run: Run, script: str, code: int) -> None:
    # In a real container the shell is process 1, which its own signals cannot end, so a child process sends them to
    # itself.
    done = run(("sh", "-c", f"sh -c '{script}'; exit $?"))
    assert done.status.phase == "Failed"
    assert (terminated(done).exit_code, terminated(done).reason) == (code, "Error")


def test_the_end_of_the_log_can_be_the_termination_message(run: Run) -> None:
    done = run(shell("echo first; echo last; exit 1"), terminationMessagePolicy="FallbackToLogsOnError")
    assert terminated(done).message == "first\nlast\n"


def test_a_program_that_does_not_exist(run: Run) -> None:
    done = run(("no-such-program",))
    assert done.status.phase == "Failed"
    assert (terminated(done).exit_code, terminated(done).reason) == (128, "StartError")
    assert 'exec: "no-such-program": executable file not found in $PATH' in terminated(done).message


def test_a_working_directory_that_does_not_exist(run: Run, cluster: Any) -> None:
    if cluster.embedded is None:
        pytest.skip("container runtimes make the directory")
    done = run(("true",), workingDir="/no/such/directory")
    assert (terminated(done).exit_code, terminated(done).reason) == (128, "StartError")
    assert 'chdir to cwd ("/no/such/directory")' in terminated(done).message


def test_a_pod_without_a_command(create: Run, waiting: Callable[..., Any], cluster: Any) -> None:
    if cluster.embedded is None:
        pytest.skip("a real image has an entrypoint")
    create(())
    assert waiting("CreateContainerError").message.endswith("no command specified")


def test_an_image_that_does_not_exist(
    create: Run, waiting: Callable[..., Any], core: client.CoreV1Api, namespace: str
) -> None:
    create(("true",), image="no-such-image-anywhere:1")
    state = waiting("ImagePullBackOff")
    assert 'Back-off pulling image "no-such-image-anywhere:1"' in state.message
    assert core.read_namespaced_pod("work", namespace).status.phase == "Pending"


def test_an_image_that_may_not_be_pulled(create: Run, waiting: Callable[..., Any]) -> None:
    create(("true",), image="no-such-image-anywhere:1", imagePullPolicy="Never")
    message = 'Container image "no-such-image-anywhere:1" is not present with pull policy of Never'
    assert waiting("ErrImageNeverPull").message == message


def test_an_image_with_an_invalid_name_is_reported(create: Run, waiting: Callable[..., Any]) -> None:
    create(("true",), image="Not An Image")
    assert waiting("InvalidImageName")


def test_more_memory_than_allowed(run: Run) -> None:
    script = "x = bytearray(300_000_000); import time; time.sleep(60)"
    done = run(("python", "-c", script), resources={"limits": {"memory": "100Mi"}})
    assert done.status.phase == "Failed"
    assert (terminated(done).exit_code, terminated(done).reason) == (137, "OOMKilled")


def test_memory_within_the_limit(run: Run) -> None:
    done = run(("python", "-c", "x = bytearray(10_000_000)"), resources={"limits": {"memory": "200Mi"}})
    assert done.status.phase == "Succeeded"


def test_a_container_that_fails_is_restarted(
    create: Run, core: client.CoreV1Api, namespace: str, waiting: Callable[..., Any]
) -> None:
    create(shell("exit 5"), restart="OnFailure")
    waits = waiting("CrashLoopBackOff")
    assert "back-off" in waits.message
    status = core.read_namespaced_pod("work", namespace).status
    assert status.phase == "Running"
    assert status.container_statuses[0].restart_count >= 1
    assert status.container_statuses[0].last_state.terminated.exit_code == 5


def test_environment_variables_and_what_they_refer_to(
    printed: Callable[..., list[str]], core: client.CoreV1Api, namespace: str
) -> None:
    core.create_namespaced_secret(namespace, {"metadata": {"name": "keys"}, "data": {"TOKEN": "czNjcmV0"}})
    core.create_namespaced_config_map(namespace, {"metadata": {"name": "settings"}, "data": {"level": "high"}})
    env: list[Object] = [
        {"name": "PLAIN", "value": "a b"},
        {"name": "BUILT", "value": "$(PLAIN)-$(CFG_level)-$(NOBODY)-$$(PLAIN)"},
        {"name": "FROM_KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "TOKEN"}}},
        {"name": "OPTIONAL", "valueFrom": {"secretKeyRef": {"name": "none", "key": "k", "optional": True}}},
        {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
    ]
    sources = [{"secretRef": {"name": "keys"}}, {"prefix": "CFG_", "configMapRef": {"name": "settings"}}]
    script = "import os\nfor n in 'PLAIN BUILT FROM_KEY OPTIONAL POD TOKEN CFG_level'.split(): print(os.environ.get(n))"
    lines = printed(("python", "-c", script), env=env, envFrom=sources)
    assert lines == ["a b", "a b-high-$(NOBODY)-$(PLAIN)", "s3cret", "None", "work", "s3cret", "high"]


def test_variables_in_the_command(printed: Callable[..., list[str]]) -> None:
    env = [{"name": "NAME", "value": "world"}]
    assert printed(("echo", "hello $(NAME)", "$$(NAME)"), env=env, args=["$(NAME)"]) == ["hello world $(NAME) world"]


def test_a_secret_that_is_missing_is_waited_for(
    create: Run, core: client.CoreV1Api, namespace: str, eventually: Eventually, waiting: Callable[..., Any]
) -> None:
    create(("true",), envFrom=[{"secretRef": {"name": "late"}}])
    assert waiting("CreateContainerConfigError").message == 'secret "late" not found'
    core.create_namespaced_secret(namespace, {"metadata": {"name": "late"}})
    assert ended_pod(core, namespace, "work", eventually).status.phase == "Succeeded"


def test_the_cluster_keeps_its_own_environment_to_itself(
    printed: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch, cluster: Any
) -> None:
    if cluster.embedded is None:
        pytest.skip("about processes of this machine")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not for pods")
    lines = printed(("python", "-c", "import os; print(*sorted(os.environ), sep='\\n')"))
    assert set(lines) == {"DBT_TARGET_PATH", "HOME", "HOSTNAME", "LC_CTYPE", "PATH", "TMPDIR"}


def test_a_pod_has_a_home_and_a_place_for_temporary_files(printed: Callable[..., list[str]]) -> None:
    places = "os.getcwd(), os.path.expanduser('~'), tempfile.gettempdir()"
    script = f"import os, tempfile\nfor place in ({places}): open(f'{{place}}/new', 'w').close()\nprint('ok')"
    assert printed(("python", "-c", script)) == ["ok"]


def test_init_containers_run_first(
    run: Run, core: client.CoreV1Api, namespace: str, image: str, eventually: Eventually
) -> None:
    del run
    wanted = pod("work", image, ("echo", "main"))
    first = {"name": "first", "image": image, "command": ["echo", "init"]}
    core.create_namespaced_pod(namespace, {**wanted, "spec": {**wanted["spec"], "initContainers": [first]}})
    done = ended_pod(core, namespace, "work", eventually)
    (init,) = done.status.init_container_statuses
    assert init.state.terminated.finished_at <= terminated(done).started_at
    assert core.read_namespaced_pod_log("work", namespace, container="first") == "init\n"


def test_an_init_container_that_fails_fails_the_pod(
    core: client.CoreV1Api, namespace: str, image: str, eventually: Eventually
) -> None:
    wanted = pod("work", image, ("echo", "main"))
    first = {"name": "first", "image": image, "command": ["sh", "-c", "exit 4"]}
    core.create_namespaced_pod(namespace, {**wanted, "spec": {**wanted["spec"], "initContainers": [first]}})
    done = ended_pod(core, namespace, "work", eventually)
    assert done.status.phase == "Failed"
    assert done.status.init_container_statuses[0].state.terminated.exit_code == 4
    assert done.status.container_statuses[0].state.waiting.reason == "PodInitializing"


def test_a_pod_past_its_own_deadline(
    core: client.CoreV1Api, namespace: str, image: str, eventually: Eventually
) -> None:
    wanted = pod("work", image, SLEEPS)
    wanted["spec"]["activeDeadlineSeconds"] = 1
    core.create_namespaced_pod(namespace, wanted)
    done = ended_pod(core, namespace, "work", eventually)
    assert (done.status.phase, done.status.reason) == ("Failed", "DeadlineExceeded")
    assert done.status.message == "Pod was active on the node longer than the specified deadline"


def test_a_deadline_that_is_set_while_the_pod_runs_ends_it_with_its_grace_and_its_log(
    core: client.CoreV1Api, namespace: str, image: str, eventually: Eventually
) -> None:
    script = "trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.05; done"
    wanted = pod("work", image, shell(script))
    wanted["spec"] |= {"terminationGracePeriodSeconds": 30, "activeDeadlineSeconds": 3600}
    core.create_namespaced_pod(namespace, wanted)
    running_pod(core, namespace, "work", eventually)
    eventually(lambda: core.read_namespaced_pod_log("work", namespace) == "ready\n")

    core.patch_namespaced_pod("work", namespace, {"spec": {"activeDeadlineSeconds": 1}})

    done = ended_pod(core, namespace, "work", eventually)
    assert (done.status.phase, done.status.reason) == ("Failed", "DeadlineExceeded")
    assert done.status.container_statuses[0].state.terminated.exit_code == 3
    assert core.read_namespaced_pod_log("work", namespace) == "ready\nbye\n"


def test_a_deadline_may_only_be_set_or_lowered(core: client.CoreV1Api, namespace: str, image: str) -> None:
    core.create_namespaced_pod(namespace, pod("work", image, SLEEPS))

    def change(seconds: int | None) -> Any:
        return core.patch_namespaced_pod("work", namespace, {"spec": {"activeDeadlineSeconds": seconds}})

    assert change(3600).spec.active_deadline_seconds == 3600
    assert change(1800).spec.active_deadline_seconds == 1800
    assert [refused(partial(change, seconds)).status for seconds in (3600, None, 0)] == [422, 422, 422]
    assert core.read_namespaced_pod("work", namespace).spec.active_deadline_seconds == 1800


def test_a_patch_of_another_pod_of_the_same_name_is_a_conflict(
    core: client.CoreV1Api, namespace: str, image: str
) -> None:
    core.create_namespaced_pod(namespace, pod("work", image, SLEEPS))

    change = {"metadata": {"uid": "another"}, "spec": {"activeDeadlineSeconds": 1}}

    assert refused(lambda: core.patch_namespaced_pod("work", namespace, change)).status == 409


def test_a_deleted_pod_may_finish_what_it_does(
    core: client.CoreV1Api, namespace: str, image: str, eventually: Eventually
) -> None:
    script = "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done"
    wanted = pod("work", image, shell(script))
    wanted["spec"]["terminationGracePeriodSeconds"] = 30
    core.create_namespaced_pod(namespace, wanted)
    running_pod(core, namespace, "work", eventually)
    eventually(lambda: core.read_namespaced_pod_log("work", namespace) == "ready\n")
    following = core.read_namespaced_pod_log("work", namespace, follow=True, _preload_content=False)
    core.delete_namespaced_pod("work", namespace)
    assert following.read() == b"ready\nbye\n"
    eventually(lambda: not core.list_namespaced_pod(namespace).items)


def test_a_deleted_pod_that_does_not_listen_is_killed(
    core: client.CoreV1Api, namespace: str, image: str, eventually: Eventually
) -> None:
    wanted = pod("work", image, shell("trap '' TERM; while :; do sleep 0.05; done"))
    core.create_namespaced_pod(namespace, wanted)
    running_pod(core, namespace, "work", eventually)
    core.delete_namespaced_pod("work", namespace)
    assert core.read_namespaced_pod("work", namespace).metadata.deletion_grace_period_seconds == 1
    eventually(lambda: not core.list_namespaced_pod(namespace).items)
