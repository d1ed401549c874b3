"""Receivers of webhooks beside a benchmark, in a process of their own: some accept, some never answer.

python -m benchmarks.webhook_receivers count dead
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.notifications.receivers import Authority, Behaviour, Handler, accepts, receiver

PATIENCE_SECONDS = 720.0


@dataclass
class Receivers:
    """Receivers in a process of their own, which reports each request's receiver and time.

    `arrived` has the times at the first `watched` of them, `tried` counts the requests to the others.
    """

    authority: str
    hosts: list[str]
    watched: int = 0
    arrived: list[float] = field(default_factory=list)
    tried: int = 0

    def listen(self, lines: Iterator[str]) -> None:
        """Collect the process' reports, until it ends."""
        for line in lines:
            receiver, at = line.split()
            if int(receiver) < self.watched:
                self.arrived.append(float(at))
            else:
                self.tried += 1

    def wait_for(self, count: int) -> list[float]:
        """Wait for so many webhooks, and return when they arrived; raises TimeoutError."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(self.arrived) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(self.arrived)} of {count} arrived")
            time.sleep(0.01)
        return self.arrived


@contextmanager
def receivers(count: int, dead: int, watched: int) -> Iterator[Receivers]:
    """Start so many receivers; the last ones never answer, and the first ones are watched."""
    command = [sys.executable, "-m", "benchmarks.webhook_receivers", str(count), str(dead)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        there = Receivers(**json.loads(process.stdout.readline()), watched=watched)
        listener = threading.Thread(target=there.listen, args=(process.stdout,), daemon=True)
        listener.start()
        try:
            yield there
        finally:
            process.kill()


def receive(count: int, dead: int) -> None:
    """Run the receivers, until the process is killed."""
    writing = threading.Lock()

    def recording(number: int, then: Behaviour) -> Behaviour:
        def behave(handler: Handler) -> None:
            with writing:
                print(number, time.monotonic(), flush=True)
            then(handler)

        return behave

    with TemporaryDirectory() as folder, ExitStack() as stack:
        authority = Authority(Path(folder))
        context = authority.context("localhost")
        made: list[Any] = [stack.enter_context(receiver(context, poll_seconds=1)) for _ in range(count)]
        for number, each in enumerate(made):
            each.always = recording(number, accepts if number < count - dead else lambda _: time.sleep(3600))
        hosts = [f"localhost:{each.port}" for each in made]
        print(json.dumps({"authority": str(authority.file), "hosts": hosts}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    receive(*map(int, sys.argv[1:]))
