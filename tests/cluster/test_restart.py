"""A cluster that is killed and started again in the same home: which objects it has, and how its pods end."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from kubernetes import client, config, watch

from local.cluster import EmbeddedCluster
from local.cluster.database import DamagedDatabase
from local.cluster.kubelet.leftovers import end_leftovers, note
from tests.cluster.workloads import Eventually, conditions, ended_job, job, pods_of, shell

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
NAMESPACE = "default"


@dataclass
class Node:
    """A machine with a cluster on it, which can be switched off at the wall."""

    home: Path
    eventually: Eventually
    port: int

    @contextmanager
    def running(self, end: signal.Signals = signal.SIGKILL) -> Iterator[tuple[client.BatchV1Api, client.CoreV1Api]]:
        """Run it until the block ends."""
        kubeconfig = self.home / "kubeconfig"
        kubeconfig.unlink(missing_ok=True)
        path = os.pathsep.join([str(ROOT / "layers/shared/python"), str(ROOT)])
        command = [sys.executable, "-m", "local.cluster", "--home", str(self.home), "--port", str(self.port), "--keep"]
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.DEVNULL)
        try:
            self.eventually(lambda: kubeconfig.exists() and _listens(self.port))
            with config.new_client_from_config(str(kubeconfig)) as api:
                yield client.BatchV1Api(api), client.CoreV1Api(api)
        finally:
            process.send_signal(end)
            process.wait()


@pytest.fixture
def node(tmp_path: Path, eventually: Eventually) -> Node:
    return Node(tmp_path, eventually, _own_port())


def _own_port() -> int:
    """Return a port that no other process is given while the node is stopped: a system chooses higher ones."""
    first = 20_000 + os.getpid() % 10_000
    return next(port for port in range(first, first + 2_000) if not _listens(port))


def _listens(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


def test_a_pod_and_its_log_remain_after_a_restart(node: Node, eventually: Eventually) -> None:
    with node.running() as (batch, core):
        batch.create_namespaced_job(NAMESPACE, job("done", "python", shell("echo one; echo two")))
        before = ended_job(batch, NAMESPACE, "done", eventually)

    with node.running() as (batch, core):
        after = batch.read_namespaced_job("done", NAMESPACE)
        assert (after.metadata.uid, conditions(after)) == (before.metadata.uid, conditions(before))
        (pod,) = pods_of(core, NAMESPACE, "done")
        assert core.read_namespaced_pod_log(pod.metadata.name, NAMESPACE) == "one\ntwo\n"
        batch.create_namespaced_job(NAMESPACE, job("new", "python", shell("true")))
        assert conditions(ended_job(batch, NAMESPACE, "new", eventually))["Complete"]


def test_a_running_pod_has_ended_after_a_restart_and_is_not_run_again(node: Node, eventually: Eventually) -> None:
    starts = node.home / "starts"
    with node.running() as (batch, core):
        script = shell(f"echo begun; echo $$$$ >> {starts}; sleep 300")
        batch.create_namespaced_job(NAMESPACE, job("cut", "python", script))
        (pid,) = eventually(lambda: starts.exists() and starts.read_text().split())
        # A process runs before its Pod's status says so. A cluster that dies in between does not know when it started.
        eventually(lambda: pods_of(core, NAMESPACE, "cut")[0].status.phase == "Running")

    eventually(lambda: not _lives(int(pid)))
    with node.running() as (batch, core):
        ended = ended_job(batch, NAMESPACE, "cut", eventually)
        assert conditions(ended)["Failed"] == "BackoffLimitExceeded"
        (pod,) = pods_of(core, NAMESPACE, "cut")
        terminated = pod.status.container_statuses[0].state.terminated
        assert (terminated.exit_code, terminated.reason) == (255, "Unknown")
        assert terminated.message == "the service was stopped while the run was going"
        assert terminated.started_at
        assert core.read_namespaced_pod_log(pod.metadata.name, NAMESPACE) == "begun\n"
        assert starts.read_text().split() == [pid]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie, which has ended and was not waited for, does not count as running.
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


def test_pods_ended_by_a_clean_stop_say_so(node: Node, eventually: Eventually) -> None:
    starts = node.home / "starts"
    with node.running(end=signal.SIGTERM) as (batch, core):
        batch.create_namespaced_job(
            NAMESPACE, job("cut", "python", shell(f"echo begun; echo $$$$ >> {starts}; sleep 300"))
        )
        (pid,) = eventually(lambda: starts.exists() and starts.read_text().split())

    assert not _lives(int(pid))
    with node.running() as (batch, core):
        assert conditions(ended_job(batch, NAMESPACE, "cut", eventually))["Failed"] == "BackoffLimitExceeded"
        (pod,) = pods_of(core, NAMESPACE, "cut")
        terminated = pod.status.container_statuses[0].state.terminated
        assert terminated.message == "the service was stopped while the run was going"
        assert core.read_namespaced_pod_log(pod.metadata.name, NAMESPACE) == "begun\n"
        assert starts.read_text().split() == [pid]


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_pod_that_had_not_begun_begins_after_the_restart(
    node: Node, eventually: Eventually, end: signal.Signals
) -> None:
    starts = node.home / "starts"
    waiting = job("waits", "python", shell(f"echo $$$$ >> {starts}"))
    container = waiting["spec"]["template"]["spec"]["containers"][0]
    container["envFrom"] = [{"secretRef": {"name": "comes-later"}}]
    with node.running(end=end) as (batch, core):
        batch.create_namespaced_job(NAMESPACE, waiting)
        eventually(lambda: pods_of(core, NAMESPACE, "waits"))

    with node.running() as (batch, core):
        core.create_namespaced_secret(NAMESPACE, {"metadata": {"name": "comes-later"}})
        assert conditions(ended_job(batch, NAMESPACE, "waits", eventually))["Complete"]
        assert len(pods_of(core, NAMESPACE, "waits")) == 1
        assert len(starts.read_text().split()) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only /proc tells the environment of a process")
def test_a_process_that_has_lost_its_minder_ends_with_the_next_start(node: Node, eventually: Eventually) -> None:
    left = node.home / "left"
    with node.running() as (batch, _):
        script = f"setsid sleep 301 & echo $! > {left}; sleep 302"
        batch.create_namespaced_job(NAMESPACE, job("cut", "python", shell(script)))
        pid = int(eventually(lambda: left.exists() and left.read_text()))
        # As `killall -9 python` does: the launcher and its minders are killed before they can end anything.
        minders = _ancestors(pid)[1:-1]
        for kill in (signal.SIGSTOP, signal.SIGKILL):
            for minder in minders:
                os.kill(minder, kill)
    assert _lives(pid)

    with node.running():
        eventually(lambda: not _lives(pid))


@pytest.mark.skipif(sys.platform != "linux", reason="only /proc tells the environment of a process")
def test_a_process_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "pods" / "one"
    (folder / "home").mkdir(parents=True)
    with subprocess.Popen(["sleep", "300"], start_new_session=True) as other:  # noqa: S607
        # The system gave the process id to another process, whose start time differs.
        (folder / "processes").write_text(f"{other.pid} 12345 a-boot\n{os.getpid()}\nnonsense\n")
        assert end_leftovers([folder]) == 0
        assert other.poll() is None
        note(folder, other.pid)
        assert end_leftovers([folder]) == 1
        assert other.wait() == -signal.SIGKILL


def test_a_watch_from_before_the_restart_must_list_again(node: Node) -> None:
    with node.running() as (batch, _):
        batch.create_namespaced_job(NAMESPACE, job("first", "python", shell("true")))
        version = batch.list_namespaced_job(NAMESPACE).metadata.resource_version
        batch.create_namespaced_job(NAMESPACE, job("second", "python", shell("true")))

    with node.running() as (batch, _), pytest.raises(client.ApiException) as gone:
        for _ in watch.Watch().stream(
            batch.list_namespaced_job, NAMESPACE, resource_version=version, timeout_seconds=5
        ):
            pass
    assert gone.value.status == 410


def test_a_damaged_cluster_says_so_and_does_not_start(node: Node) -> None:
    with node.running():
        pass
    (node.home / "cluster" / "objects.sqlite").write_bytes(b"no database")
    (node.home / "cluster" / "objects.sqlite-wal").unlink(missing_ok=True)
    with pytest.raises(DamagedDatabase, match=r"objects\.sqlite are damaged: file is not a database"):
        EmbeddedCluster(node.home, ROOT / "local" / "images", keep=True).start()


def _ancestors(pid: int) -> list[int]:
    """Return a process, its parent and so on, up to the one that this process has started."""
    found = [pid]
    while (parent := int(Path(f"/proc/{found[-1]}/stat").read_text().rpartition(")")[2].split()[1])) != os.getpid():
        found.append(parent)
    return found
