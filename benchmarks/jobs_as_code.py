"""A plan of 500 jobs by the command line, against the stack of `make run`: time from start to end, and requests.

    python -m benchmarks.jobs_as_code [count]

Half of the jobs change their schedules, whose slots are compared. The jobs fire once a year.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.laptop_stack import Laptop, laptop
from benchmarks.measure import ROOT, Figure, report

AIM_SECONDS = 2.0
REPEATS = 5


def main(count: int = 500) -> None:
    """Print the figures."""
    with laptop() as stack, TemporaryDirectory() as folder:
        file = Path(folder) / "jobs.yml"
        file.write_text(_text(count, "0 0 1 1 *"))
        applied, _ = _run(stack, "apply", "--yes", "-f", str(file))
        unchanged = [_run(stack, "plan", "-f", str(file))[0] for _ in range(REPEATS)]
        file.write_text(_text(count, "*/30 * 1 1 *"))
        used = _processor_seconds()
        plans = [_run(stack, "plan", "-f", str(file)) for _ in range(REPEATS)]
        client = (_processor_seconds() - used) / REPEATS
        changes = [one for one in plans[0][1]["projects"][0]["changes"] if one["action"] == "update"]
        assert len(changes) == count // 2, "half of the jobs change"
        figures = [
            Figure(
                f"plan of {count} jobs, half of which change",
                statistics.median(one[0] for one in plans),
                "s",
                AIM_SECONDS,
            ),
            Figure(f"plan of {count} jobs, none of which change", statistics.median(unchanged), "s", AIM_SECONDS),
            Figure("processor time of the first: the command line", client, "s", AIM_SECONDS / 2),
            Figure("requests of a plan", _requests(stack, file), "", budget=2),
            Figure(f"first apply of {count} jobs", applied, "s"),
        ]
    report(f"Jobs as code: {count} jobs", figures)


def _text(count: int, other: str) -> str:
    jobs = [
        {
            "name": f"job {at}",
            "command": "dbt build",
            "schedule": other if at % 2 else "0 0 1 1 *",
            "environment": {"N": str(at)},
        }
        for at in range(count)
    ]
    # JSON is YAML too.
    return json.dumps({"project": "jaffle", "jobs": jobs}, indent=1)


def _processor_seconds() -> float:
    """Return what ended calls of the command line have used, which a busy machine changes little."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _environment(stack: Laptop) -> dict[str, str]:
    known = {"JOBS_API_URL": stack.session["url"], "JOBS_API_TOKEN": stack.session["token"]}
    return {**os.environ, **known, "PYTHONPATH": str(ROOT / "cli")}


def _run(stack: Laptop, *arguments: str) -> tuple[float, Any]:
    """Run the command line; return the seconds from start to end, and its answer."""
    command = [sys.executable, "-m", "jobs_cli", *arguments, "--json"]
    started = time.perf_counter()
    out = subprocess.run(command, env=_environment(stack), check=True, capture_output=True).stdout
    return time.perf_counter() - started, json.loads(out)


def _requests(stack: Laptop, file: Path) -> int:
    """Count the requests of a plan in the log of the client that it uses."""
    script = (
        "import logging, sys\n"
        "logging.basicConfig(stream=sys.stderr, level=logging.INFO)\n"
        "from jobs_cli.__main__ import main\n"
        f"main(['plan', '-f', {str(file)!r}, '--json'])\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], env=_environment(stack), check=True, capture_output=True, text=True
    )
    return ended.stderr.count("HTTP Request: ")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
