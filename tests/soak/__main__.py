"""`python -m tests.soak`, which is `make soak`: the laptop stack under load and faults for a while, then an audit.

Environment: SOAK_MINUTES (10) or SOAK_SECONDS, SOAK_SEED, SOAK_JOBS, SOAK_CLIENTS, SOAK_TROUBLE, SOAK_HOME.
"""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Mapping
from contextlib import ExitStack, redirect_stderr, redirect_stdout

from tests.soak.home import ForeignFolder, prepare
from tests.soak.settings import Settings


def main(environment: Mapping[str, str]) -> int:
    """Run a soak; return 0 without findings, 1 with findings, 130 if a signal ended it."""
    settings, stopped = Settings.of(environment), threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stopped.set())
    try:
        prepare(settings.home)
    except ForeignFolder as error:
        sys.stderr.write(f"make soak: {error}\n")
        return 2
    terminal = sys.stdout

    def say(text: str) -> None:
        print(text, file=terminal, flush=True)

    # Imported here, because the import takes seconds.
    from tests.soak.running_stack import remaining_processes, running_soak_stack  # noqa: PLC0415

    try:
        with ExitStack() as stack:
            log = stack.enter_context((settings.home / "functions.log").open("w", buffering=1))
            stack.enter_context(redirect_stdout(log))
            stack.enter_context(redirect_stderr(log))
            findings = stack.enter_context(running_soak_stack(settings, say)).run(stopped)
    except Exception:  # noqa: BLE001 - any error is printed, and remaining processes are reported
        findings = [traceback.format_exc()]
    findings += remaining_processes(settings.home)
    for finding in findings:
        say(f"FOUND: {finding}")
    if stopped.is_set():
        return 130
    say(f"{len(findings)} findings." if findings else "Nothing lost, doubled or orphaned.")
    return 1 if findings else 0


if __name__ == "__main__":
    status = main(os.environ)
    sys.stderr.flush()
    # A thread on which a handler hangs would keep the process from ending.
    os._exit(status)
