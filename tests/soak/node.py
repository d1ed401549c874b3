"""The cluster as a process of its own, which can be killed, stopped, and started again with its objects."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.soak.settings import ROOT, environment_of_processes

PATIENCE_SECONDS = 60


class Node:
    """The embedded cluster with its storage in `home`; `kubeconfig` bypasses all faults."""

    def __init__(self, home: Path) -> None:
        """Choose a port, which stays the same from start to start."""
        self.kubeconfig = home / "kubeconfig"
        self.authority = home / "pki" / "ca.crt"
        self._home = home
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address of its API."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def token(self) -> str:
        """The token of its API."""
        return (self._home / "pki" / "token").read_text()

    def start(self) -> None:
        """Return once its API answers; raises on a time-out."""
        images = str(ROOT / "local" / "images")
        command = [sys.executable, "-m", "local.cluster", "--home", str(self._home), "--images", images]
        self._home.mkdir(parents=True, exist_ok=True)
        with (self._home / "cluster.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--port", str(self.port), "--keep"],
                cwd=ROOT,
                env=environment_of_processes(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for the soak to act on.
                start_new_session=True,
            )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the cluster has not started; {self._home / 'cluster.log'} says why")
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill it, as a power cut would."""
        self._signal(signal.SIGKILL)
        self._wait()

    def stop(self) -> None:
        """End it and all of its pods in order."""
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)
        self._wait()

    def freeze(self) -> None:
        """Freeze it: it accepts connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it continue."""
        self._signal(signal.SIGCONT)

    def _listens(self) -> bool:
        with socket.socket() as asking:
            return asking.connect_ex(("127.0.0.1", self.port)) == 0

    def _signal(self, number: int) -> None:
        if self._process and self._process.poll() is None:
            self._process.send_signal(number)

    def _wait(self) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
