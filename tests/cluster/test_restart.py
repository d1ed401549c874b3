"""A cluster that is killed and started again in the same home: what it still knows, and what becomes of its pods."""

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
from kubernetes import client, config

from tests.cluster.workloads import Eventually, conditions, ended_job, job, pods_of, shell

ROOT = Path(__file__).parents[2]
NAMESPACE = "default"


@dataclass
class Node:
    """A machine with a cluster on it, which can be switched off at the wall."""

    home: Path
    eventually: Eventually
    port: int

    @contextmanager
    def running(self) -> Iterator[tuple[client.BatchV1Api, client.CoreV1Api]]:
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
            process.send_signal(signal.SIGKILL)
            process.wait()


@pytest.fixture
def node(tmp_path: Path, eventually: Eventually) -> Node:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return Node(tmp_path, eventually, free.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


def test_what_was_there_is_there_again_with_its_log(node: Node, eventually: Eventually) -> None:
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


def test_what_was_running_has_ended_and_is_not_run_again(node: Node, eventually: Eventually) -> None:
    starts = node.home / "starts"
    with node.running() as (batch, core):
        script = shell(f"echo begun; echo $$$$ >> {starts}; sleep 300")
        batch.create_namespaced_job(NAMESPACE, job("cut", "python", script))
        (pid,) = eventually(lambda: starts.exists() and starts.read_text().split())

    eventually(lambda: not _lives(int(pid)))
    with node.running() as (batch, core):
        ended = ended_job(batch, NAMESPACE, "cut", eventually)
        assert conditions(ended)["Failed"] == "BackoffLimitExceeded"
        (pod,) = pods_of(core, NAMESPACE, "cut")
        terminated = pod.status.container_statuses[0].state.terminated
        assert (terminated.exit_code, terminated.reason) == (255, "Unknown")
        assert terminated.started_at
        assert core.read_namespaced_pod_log(pod.metadata.name, NAMESPACE) == "begun\n"
        assert starts.read_text().split() == [pid]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
