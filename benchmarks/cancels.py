"""How long a cancel takes on the stack of `make run`: from the request to the run being `cancelled`, its log kept.

    python -m benchmarks.cancels [runs]

A `dbt` that works until it gets SIGTERM, and then says so, replaces the real one. All runs run at once, and are
cancelled one after the other.
"""

import sys
import time
from pathlib import Path
from statistics import median, quantiles

from benchmarks.laptop_stack import PATIENCE_SECONDS, Client, Laptop, laptop, until
from benchmarks.measure import Figure, report

MEDIAN_SECONDS = 3.0
P99_SECONDS = 10.0
WORKING = "#!/bin/sh\ntrap 'echo told to end; exit 1' TERM\necho working\nwhile :; do /bin/sleep 0.2; done\n"
LOG = "working\ntold to end\n"


def main(runs: int = 50) -> None:
    """Start the stack and runs, cancel each of them, and read their logs."""
    with laptop() as stack:
        stack.cluster.wait_until_deployed(PATIENCE_SECONDS)
        client = Client(stack.session)
        going = _going(stack, client, runs)
        taken = sorted(_cancelled(stack, client, run) for run in going)
        whole = sum(client.call("GET", f"/runs/{run}/logs")["logs"] == LOG for run in going)
    report(
        f"Cancel of {runs} runs, one after the other",
        [
            Figure("to cancelled in the API, median", median(taken), "s", MEDIAN_SECONDS),
            Figure("to cancelled in the API, p99", quantiles(taken, n=100, method="inclusive")[98], "s", P99_SECONDS),
            Figure("logs kept whole", whole, "runs", budget=runs, at_least=True),
        ],
    )


def _going(stack: Laptop, client: Client, runs: int) -> list[str]:
    """Return the ids of runs whose command has begun to work."""
    stack.operate("project", "set", stack.session["organization_id"], stack.project, 'allowed_environment=["PATH"]')
    job = stack.create_job(client, environment={"PATH": str(_working_dbt(stack.home))})
    going = [client.call("POST", f"{stack.jobs}/{job['id']}/trigger") for _ in range(runs)]
    for run in going:
        path = f"/jobs/{run['job_name']}/logs"
        until(lambda path=path: client.call("GET", path)["logs"].startswith("working"), stack.process)  # type: ignore[misc]
    return [run["job_run_id"] for run in going]


def _cancelled(stack: Laptop, client: Client, run: str) -> float:
    """Cancel a run; return the seconds until the API says that it is."""
    begun = time.monotonic()
    client.call("POST", f"/runs/{run}/cancel", {"reason": "measured"})
    until(lambda: client.call("GET", f"/runs/{run}")["status"] == "cancelled", stack.process)
    return time.monotonic() - begun


def _working_dbt(home: Path) -> Path:
    folder = home / "working"
    folder.mkdir()
    program = folder / "dbt"
    program.write_text(WORKING)
    program.chmod(0o755)
    return folder


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
