"""Measures the processor time of a warm handler without its calls to AWS and the cluster.

    python -m benchmarks.handler_time [times]

The handlers run in a process of their own, as in Lambda; in moto's process, garbage collection of moto's many objects
would count as a handler's time. The figure is processor time: apart from its calls a handler waits for nothing, so
elapsed time would only add how busy the machine is.
"""

import contextlib
import json
import subprocess
import sys
from statistics import median

from benchmarks.measure import Figure, report
from benchmarks.measured_service import measured_service, outside

BUDGET_MS = 3.0
WARM_UP = 5


def main(times: int = 100) -> None:
    """Start AWS and a cluster, and measure in another process."""
    command = [sys.executable, "-m", "benchmarks.handler_time", "measure", str(times)]
    with outside() as environment:
        found = json.loads(subprocess.check_output(command, env=environment))
    figures = [Figure(function, seconds * 1000, "ms", budget=BUDGET_MS) for function, seconds in found.items()]
    report(f"Handler time outside DynamoDB, AWS and cluster calls, warm, median of {times}", figures)


def measure(times: int) -> None:
    """Call every function many times with the same event; print the time of each."""
    found = {}
    with measured_service() as on, contextlib.redirect_stdout(sys.stderr):
        for function, request in on.requests().items():
            for _ in range(WARM_UP):
                request()
            on.invocations.clear()
            for _ in range(times):
                request()
            found[function] = median(made.seconds_without_calls for made in on.invocations if made.function == function)
    print(json.dumps(found))


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        measure(int(sys.argv[2]))
    else:
        main(*map(int, sys.argv[1:]))
