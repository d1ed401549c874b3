"""A signal ends a process of the laptop, whichever thread receives it."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
WAITS = """
import os, signal, threading
from local.ending import EndSignal

ended = EndSignal(signal.SIGTERM)

def take_it():
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    threading.Event().wait()

# By then the main thread waits.
later = threading.Timer(0.3, take_it)
later.daemon = True
later.start()
print(ended.wait(), flush=True)
os._exit(0)
"""


def test_a_signal_that_another_thread_takes_ends_the_wait() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", WAITS], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "True\n", "")
