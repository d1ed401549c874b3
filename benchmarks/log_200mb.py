"""Measures storing a log of 200 MB as a stream, and reading its end.

    python -m benchmarks.log_200mb [megabytes]

A separate process stores the log; S3 is moto over HTTP, in this process. The separate process' peak of memory is at
least this process' memory at the start, so a short log shows no smaller figure.
"""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.measure import ROOT, Figure, report, seconds
from benchmarks.sync_5000 import peak_mib
from local.template import read
from tests.fast_moto.aws import LocalAws

MEMORY_MIB = 256.0
# A fifth of the timeout of handle_pulse, since a pass does more than one log.
SECONDS = 60.0


def main(megabytes: int = 200) -> None:
    """Start AWS, and store the log in another process."""
    with LocalAws(read(ROOT / "template.yaml", cache=ROOT / ".local" / "cache")) as aws:
        environment = {**os.environ, **aws.environment()}
        command = [sys.executable, "-m", "benchmarks.log_200mb", "measure", str(megabytes)]
        found = json.loads(subprocess.check_output(command, env=environment))
    figures = [
        Figure("storing it", found["put"], "s", budget=SECONDS * megabytes / 200),
        Figure("reading its end", found["end"], "s"),
        Figure("peak memory", found["peak_mib"], "MiB", budget=MEMORY_MIB),
    ]
    report(f"A log of {megabytes:,} MB", figures)


def chunks(megabytes: int) -> Iterator[bytes]:
    """Yield a log in pieces, as it comes from a pod; all differ, and compression hardly helps."""
    draw = random.Random(0)  # noqa: S311 - the same log each time
    for _ in range(megabytes * 16):
        yield draw.randbytes(31_000).hex().encode() + b"\n" * 500


def measure(megabytes: int) -> None:
    """Store the log; print the figures."""
    from jobs_api.logs import archive  # noqa: PLC0415 - its settings come from the environment
    from tests.service.test_logs import a_run  # noqa: PLC0415

    stored = []
    put = seconds(lambda: stored.append(archive.store_log(a_run(), chunks(megabytes))[0]))
    end = seconds(lambda: archive.read_log_end(stored[0]))
    assert stored[0].size_bytes == megabytes * 16 * 62_500
    print(json.dumps({"put": put, "end": end, "peak_mib": peak_mib()}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        measure(int(sys.argv[2]))
    else:
        main(*map(int, sys.argv[1:]))
