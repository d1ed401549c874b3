"""The embedded cluster in a process of its own: `make run` uses two processors, and a request does not wait for pods.

In one process the interpreter runs one thread at a time, and half of the work for a triggered run is the cluster's. The
child prints one line of JSON once it is up, or why it cannot start. It reads commands from its standard input, and ends
when that ends, because then its parent has ended, even by `kill -9`.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from local import memory
from local.ending import EndSignal
from local.home import DamagedData, UnusableData

# The start of a cluster that keeps 50,000 objects takes a few seconds.
_UP_WITHIN_SECONDS = 120.0
# Pods have three seconds to end. A cluster that is killed loses nothing.
_END_WITHIN_SECONDS = 10.0
# After `kill -9` the cluster of the process before ends by itself, a moment after that process.
_FILE_FREE_WITHIN_SECONDS = 5.0
_STOP, _STOP_IS_NOTED = "stop", "the stop is noted"


class ClusterProcess:
    """The cluster of a home, which `start` begins to start, `wait_until_up` awaits, and the end of the block ends.

    Once it is up, it has what an EmbeddedCluster has: `kubeconfig`, `stopped_at`, `started_at`, `stop_is_noted`.
    `lost` is called with the exit status if the process ends unasked.
    """

    def __init__(self, home: Path, images: Path, lost: Callable[[int], None]) -> None:
        """Keep the cluster's objects in `home`."""
        self.kubeconfig = home / "kubeconfig"
        self.stopped_at: datetime | None = None
        self.started_at: datetime | None = None
        self._home = home
        self._images = images
        self._lost = lost
        self._ends = False

    def __enter__(self) -> Self:
        """Start the process, and do not wait for it."""
        # The child has the import path of this process; in PYTHONPATH, the processes of pods would inherit it.
        program = f"import sys; sys.path[:] = {sys.path!r}; from local.cluster_process import main; main()"
        self._process = subprocess.Popen(
            [sys.executable, "-c", program, str(self._home), str(self._images)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Ctrl-C is for the parent to act on.
            start_new_session=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End every pod, then the process."""
        self._ends = True
        self._write_line(_STOP)
        try:
            self._process.wait(_END_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()

    def wait_until_up(self) -> None:
        """Return once the cluster's API answers.

        Raises:
            DamagedData: the objects cannot be read.
            UnusableData: another version wrote them, or another process uses them.
            OSError: the cluster did not start.
        """
        report = self._first_line()
        if "unusable" in report:
            raise UnusableData(report["unusable"])
        if "damaged" in report:
            raise DamagedData(Path(report["damaged"]), report["reason"])
        self.started_at = datetime.fromisoformat(report["started_at"])
        self.stopped_at = datetime.fromisoformat(report["stopped_at"]) if report["stopped_at"] else None
        threading.Thread(target=self._watch, name="cluster", daemon=True).start()

    def stop_is_noted(self) -> None:
        """Forget the stop, so that the next cluster in this home does not report it again."""
        self._write_line(_STOP_IS_NOTED)

    def _first_line(self) -> dict[str, Any]:
        assert self._process.stdout  # noqa: S101 - it is a pipe
        # Without an answer in time the process is killed, and its output ends.
        too_late = threading.Timer(_UP_WITHIN_SECONDS, self._process.kill)
        too_late.daemon = True
        too_late.start()
        line = self._process.stdout.readline()
        too_late.cancel()
        if not line:
            self._ends = True
            raise OSError(f"the embedded cluster has not started: its process ended with {self._process.wait()}")
        message: dict[str, Any] = json.loads(line)
        return message

    def _watch(self) -> None:
        status = self._process.wait()
        if not self._ends:
            self._lost(status)

    def _write_line(self, line: str) -> None:
        assert self._process.stdin  # noqa: S101 - it is a pipe
        # It may have ended, and the pipe be closed. Nothing stays in a buffer, which a close would write again.
        with suppress(OSError, ValueError):
            os.write(self._process.stdin.fileno(), f"{line}\n".encode())


def main() -> None:
    """Run the cluster of the child process, until the parent says so or has ended."""
    # Imported here, because only the child needs them, and they take half a second.
    from local.cluster import EmbeddedCluster  # noqa: PLC0415
    from local.cluster.database import DamagedDatabase, UnusableDatabase  # noqa: PLC0415

    home, images = map(Path, sys.argv[1:])
    memory.stay_small()
    stopped = EndSignal(signal.SIGTERM)
    cluster = EmbeddedCluster(home, images, keep=True, patience_seconds=_FILE_FREE_WITHIN_SECONDS)
    # From here on the end of the parent is the end of this process, in the middle of the start too.
    threading.Thread(target=_run_commands, args=(cluster, stopped), name="parent", daemon=True).start()
    try:
        cluster.start()
    except DamagedDatabase as error:
        return _print_message(damaged=str(error.path), reason=error.reason)
    except UnusableDatabase as error:
        return _print_message(unusable=str(error))
    stopped_at = cluster.stopped_at.isoformat() if cluster.stopped_at else None
    memory.started()
    _print_message(started_at=cluster.started_at.isoformat(), stopped_at=stopped_at)
    stopped.wait()
    cluster.stop()
    return None


def _run_commands(cluster: Any, stopped: EndSignal) -> None:
    for line in sys.stdin:
        if line.strip() == _STOP_IS_NOTED:
            cluster.stop_is_noted()
        elif line.strip() == _STOP:
            stopped.set()
            return
    # The parent was killed, and this process ends as the parent did: at once.
    os._exit(1)


def _print_message(**report: str | None) -> None:
    print(json.dumps(report), flush=True)  # noqa: T201 - the parent reads it
