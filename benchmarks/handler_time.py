"""What a warm handler adds to the calls it makes: its own time, without AWS and the cluster.

python -m benchmarks.handler_time [times]
"""

import sys
from statistics import median

from benchmarks.measure import Figure, report
from benchmarks.stage import stage

BUDGET_MS = 3.0
WARM_UP = 5


def main(times: int = 100) -> None:
    """Ask every function for the same thing many times."""
    figures = []
    with stage() as on:
        for function, request in on.requests().items():
            for _ in range(WARM_UP):
                request()
            on.invocations.clear()
            for _ in range(times):
                request()
            own = [made.own_seconds for made in on.invocations if made.function == function]
            figures.append(Figure(function, median(own) * 1000, "ms", budget=BUDGET_MS))
    report(f"Handler time outside DynamoDB, AWS and cluster calls, warm, median of {times}", figures)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
