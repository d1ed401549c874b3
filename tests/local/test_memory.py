"""Freed memory is returned to the system, if the C library allows it."""

import subprocess
import sys

import pytest

# Each thread keeps a little of its memory, so that no heap can shrink from its end.
SCRIPT = """
import sys, threading
from pathlib import Path
from local import memory
if sys.argv[1] == "small":
    memory._EVERY_SECONDS = 0.1
    memory.stay_small()
kept, ready = [], threading.Barrier(17)
def work():
    blocks = [bytearray(30_000) for _ in range(300)]
    kept.append(blocks[::100])
    del blocks
    ready.wait()
    ready.wait()
threads = [threading.Thread(target=work, daemon=True) for _ in range(16)]
for thread in threads:
    thread.start()
ready.wait()
threading.Event().wait(0.5)
print(int(Path("/proc/self/statm").read_text().split()[1]) * 4 // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc can be asked")
def test_memory_freed_by_threads_is_returned() -> None:
    as_it_is, small = (
        int(subprocess.run([sys.executable, "-c", SCRIPT, how], check=True, capture_output=True, text=True).stdout)
        for how in ("as it is", "small")
    )
    assert small < as_it_is / 2, f"{small} MiB, and {as_it_is} without"
