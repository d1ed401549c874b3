"""The memory of `make run` over many runs and a night's ticks: all of its processes together, every 250 runs.

    python -m benchmarks.memory [runs]

A minute of the template's schedules takes half a second, so that a night's ticks happen during the runs. Their
`dbt` is a shell script that prints as much as a build does (140 KB). The memory of the runs' processes
is not counted, because they have ended before each measurement.
"""

import base64
import sys
import time

from benchmarks.laptop_stack import Client, Laptop, laptop, memory_mb, until
from benchmarks.measure import Figure, report

LIMIT_MB = 300.0
MINUTE_SECONDS = 0.5
AT_ONCE = 20
LOOK_EVERY = 250
STAND_IN = """#!/bin/sh
at=0
while [ "$at" -lt 1800 ]; do
  at=$((at + 1))
  echo "$at of 1800 OK created a table model with a name of some length in 0.01 s"
done
"""


def main(runs: int = 2_000) -> None:
    """Start the stack, trigger runs, and print the memory."""
    begun = time.monotonic()
    with laptop(JOBS_API_MINUTE_SECONDS=str(MINUTE_SECONDS)) as stack:
        stack.cluster.wait_until_deployed(180)
        _stand_in(stack)
        client = Client(stack.session)
        jobs = [stack.create_job(client, "dbt debug")["id"] for _ in range(AT_ONCE)]
        figures = [Figure("before the first run", memory_mb(stack.process.pid), "MB", LIMIT_MB)]
        for done in range(AT_ONCE, runs + 1, AT_ONCE):
            _batch(stack, client, jobs)
            if done % LOOK_EVERY < AT_ONCE or done > runs - AT_ONCE:
                figures.append(Figure(f"after {done} runs", memory_mb(stack.process.pid), "MB", LIMIT_MB))
                print(figures[-1])
        hours = (time.monotonic() - begun) / MINUTE_SECONDS / 60
        report(f"Memory of all processes, over {runs} runs and the ticks of {hours:.1f} hours", figures)


def _batch(stack: Laptop, client: Client, jobs: list[str]) -> None:
    """Trigger every job once, and return once all of these runs have ended."""
    open_runs = {client.call("POST", f"{stack.jobs}/{job}/trigger")["job_run_id"] for job in jobs}

    def ended() -> bool:
        open_runs.difference_update([run for run in open_runs if _has_ended(client, run)])
        time.sleep(0.1)
        return not open_runs

    until(ended, stack.process)


def _has_ended(client: Client, run: str) -> bool:
    status = client.call("GET", f"/runs/{run}")["status"]
    assert status in {"pending", "running", "success"}, status
    return bool(status == "success")


def _stand_in(stack: Laptop) -> None:
    """Put the script before dbt on the PATH of jaffle's jobs."""
    folder = stack.home / "stand-in"
    folder.mkdir()
    program = folder / "dbt"
    program.write_text(STAND_IN)
    program.chmod(0o755)
    stack.cluster.change_secret("jaffle-env", {"PATH": base64.b64encode(str(folder).encode()).decode()})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
