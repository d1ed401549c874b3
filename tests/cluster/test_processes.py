"""The processes of pods end with their container, their pod and the cluster, even if those are killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config

from local.cluster import EmbeddedCluster
from local.cluster.kubelet import launcher
from tests.cluster.conftest import ROOT
from tests.cluster.workloads import Eventually, Object, ended_job, ended_pod, job, pod, running_pod, shell

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("embedded")]

# A child that stays in the process group, one that has left it, and one whose parent has ended.
FAMILY = "sleep 300 & setsid sleep 300 & (setsid sh -c 'sleep 300 & sleep 300' &) ; "


def processes_in(folder: Path) -> list[int]:
    """Find the processes whose home is below a folder: every process of a pod, and nothing else."""
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"HOME={folder}".encode() in environ.read_bytes():
                found.append(int(environ.parent.name))
        except OSError:
            continue  # ended meanwhile, or another user's
    return found


class Host:
    """A cluster in a process of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        command = [sys.executable, "-m", "local.cluster", "--home", str(home), "--images", str(ROOT / "local/images")]
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        self.process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)

    def is_up(self) -> bool:
        assert self.process.stdout
        return "kubectl" in self.process.stdout.readline()

    def run_family(self, eventually: Eventually) -> None:
        with config.new_client_from_config(str(self.home / "kubeconfig")) as api:
            core = client.CoreV1Api(api)
            core.create_namespaced_pod("default", pod("work", "python", shell(f"{FAMILY} sleep 300")))
            running_pod(core, "default", "work", eventually)
        eventually(lambda: len(processes_in(self.home)) >= 6)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    started = Host(tmp_path)
    with started.process:
        try:
            assert started.is_up()
            yield started
        finally:
            started.process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_all_processes_end_with_the_cluster(host: Host, eventually: Eventually, number: signal.Signals) -> None:
    host.run_family(eventually)
    host.process.send_signal(number)
    host.process.wait(timeout=60)
    eventually(lambda: not processes_in(host.home))


def test_the_launcher_ends_what_it_did_not_find_at_its_first_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that ends while the launcher looks for its children hides them, as minders do that end too."""
    first, second = (subprocess.Popen(["/bin/sleep", "300"]) for _ in range(2))
    looks = iter([{first.pid: 0}, {first.pid: 0, second.pid: 0}, {}])
    monkeypatch.setattr(launcher, "_family", lambda _: next(looks))

    launcher._end_family()

    assert [one.wait(60) for one in (first, second)] == [-signal.SIGKILL, -signal.SIGKILL]


def launched_by(pid: int) -> list[int]:
    """Find the children of a process: the launcher below the cluster, the minders below the launcher."""
    children = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for listed in children for child in listed.read_text().split()]


@pytest.mark.parametrize("of", ["launcher", "minder"])
def test_the_cluster_runs_pods_again_after_a_launcher_or_minder_was_killed(
    host: Host, eventually: Eventually, of: str
) -> None:
    host.run_family(eventually)
    (launcher,) = launched_by(host.process.pid)
    os.kill(launcher if of == "launcher" else launched_by(launcher)[0], signal.SIGKILL)
    with config.new_client_from_config(str(host.home / "kubeconfig")) as api:
        core = client.CoreV1Api(api)
        if of == "minder":
            assert ended_pod(core, "default", "work", eventually).status.phase == "Failed"
        core.create_namespaced_pod("default", pod("next", "python", ("true",)))
        assert ended_pod(core, "default", "next", eventually).status.phase == "Succeeded"
    host.process.kill()
    eventually(lambda: not processes_in(host.home))


def test_all_processes_end_with_a_stopped_cluster(tmp_path: Path, eventually: Eventually) -> None:
    with EmbeddedCluster(tmp_path, ROOT / "local/images") as cluster:
        with config.new_client_from_config(str(cluster.kubeconfig)) as api:
            core = client.CoreV1Api(api)
            deaf = "trap '' TERM; "
            core.create_namespaced_pod("default", pod("work", "python", shell(f"{deaf}{FAMILY} sleep 300")))
            running_pod(core, "default", "work", eventually)
        eventually(lambda: len(processes_in(tmp_path)) >= 6)
        began = time.monotonic()
    assert processes_in(tmp_path) == []
    assert time.monotonic() - began < 10


@pytest.fixture
def home(embedded: EmbeddedCluster) -> Path:
    return embedded.kubeconfig.parent


def pod_home(home: Path, made: Any) -> Path:
    return home / "pods" / str(made.metadata.uid)


def test_all_processes_end_with_their_container(
    core: client.CoreV1Api, namespace: str, eventually: Eventually, home: Path
) -> None:
    made = core.create_namespaced_pod(namespace, pod("work", "python", shell(f"{FAMILY} sleep 0.2; echo done")))
    assert ended_pod(core, namespace, "work", eventually).status.phase == "Succeeded"
    assert processes_in(pod_home(home, made)) == []
    assert core.read_namespaced_pod_log("work", namespace) == "done\n"


@pytest.mark.parametrize("grace", [0, 1])
def test_all_processes_end_with_a_deleted_pod(
    core: client.CoreV1Api, namespace: str, eventually: Eventually, home: Path, grace: int
) -> None:
    made = core.create_namespaced_pod(namespace, pod("work", "python", shell(f"trap '' TERM; {FAMILY} sleep 300")))
    eventually(lambda: len(processes_in(pod_home(home, made))) >= 6)
    core.delete_namespaced_pod("work", namespace, grace_period_seconds=grace)
    eventually(lambda: not core.list_namespaced_pod(namespace).items)
    eventually(lambda: not processes_in(pod_home(home, made)))
    eventually(lambda: not pod_home(home, made).exists())


def test_memory_counts_for_all_processes_of_a_container_together(
    core: client.CoreV1Api, namespace: str, eventually: Eventually
) -> None:
    hog = "python -c 'x = bytearray(60_000_000); import time; time.sleep(60)'"
    limits: Object = {"resources": {"limits": {"memory": "100Mi"}}}
    core.create_namespaced_pod(namespace, pod("work", "python", shell(f"{hog} & setsid {hog} & wait"), **limits))
    ended = ended_pod(core, namespace, "work", eventually).status.container_statuses[0].state.terminated
    assert (ended.exit_code, ended.reason) == (137, "OOMKilled")


def test_a_job_costs_little_more_than_its_process(
    batch: client.BatchV1Api, namespace: str, eventually: Eventually
) -> None:
    def seconds(name: str) -> float:
        began = time.monotonic()
        batch.create_namespaced_job(namespace, job(name, "python", ("true",)))
        ended_job(batch, namespace, name, eventually)
        return time.monotonic() - began

    # The time from the request to Complete: one of many is enough, because this machine may be busy.
    assert any(seconds(f"work-{n}") < 0.3 for n in range(50))


def test_a_pods_processes_wait_for_requests_of_users(
    core: client.CoreV1Api, namespace: str, eventually: Eventually
) -> None:
    core.create_namespaced_pod(namespace, pod("work", "python", shell("nice")))
    ended_pod(core, namespace, "work", eventually)
    assert int(core.read_namespaced_pod_log("work", namespace)) == min(19, os.nice(0) + 5)
