"""Starts a soak's cluster as a process, the proxy before it, and the laptop stack that uses the proxy."""

import os
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from local.listening import listen
from local.stack import Settings as StackSettings
from local.stack import running
from tests.soak import aws_trouble, pulse_trouble
from tests.soak.cluster_proxy import ClusterProxy
from tests.soak.node import Node
from tests.soak.settings import Settings
from tests.soak.trouble import Trouble

if TYPE_CHECKING:
    from tests.soak.soak import Soak


@contextmanager
def running_soak_stack(settings: Settings, say: Callable[[str], None]) -> Iterator["Soak"]:
    """Start everything; after the block end all of it, pods included."""
    happened: Counter[str] = Counter()
    of_cluster = Trouble(f"{settings.seed}/cluster", settings.trouble, happened)
    of_aws = Trouble(f"{settings.seed}/aws", settings.trouble, happened)
    of_pulses = Trouble(f"{settings.seed}/pulses", settings.trouble / 2, happened)
    with ExitStack() as stack:
        node = Node(settings.home / "cluster")
        stack.callback(node.stop)
        node.start()
        proxy = ClusterProxy(node, settings.home / "cluster_proxy", of_cluster)
        stack.callback(proxy.close)
        proxy.open()
        aws_trouble.install(of_aws)
        aws_trouble.install_uploads(of_aws)
        session = stack.enter_context(
            running(StackSettings(settings.home, proxy.kubeconfig, settings.minute_seconds), listen())
        )
        pulse_trouble.install(of_pulses, os.environ["PULSE_QUEUE"].rpartition("/")[2])
        # The store reads its tables' names from the environment when it is imported.
        from tests.soak.soak import Soak  # noqa: PLC0415

        yield Soak(settings, session, node, proxy, (of_aws, of_pulses), happened, say)


def remaining_processes(home: Path) -> list[str]:
    """Return the processes of a soak in this home that still run."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,args="], capture_output=True, text=True, check=True)  # noqa: S607
    lines = [line.strip() for line in listed.stdout.splitlines() if f"{home}{os.sep}" in line]
    return [f"a process is left: {line}" for line in lines if not line.startswith(f"{os.getpid()} ")]
