"""The time that the runner adds to a run that stores artifacts, on the stack of `make run`.

    python -m benchmarks.runner [rounds]

The runner starts the command in its Pod and stores the artifacts after it. The same jobs run without it and with it,
one after another; their `dbt` is a shell script that notes when it began and ended. Compared are the medians of the
time from the request to the command's begin, and from its end to the end of its Pod, which is polled every 5 ms.
"""

import json
import random
import sys
import time
from pathlib import Path
from statistics import median

from benchmarks.laptop_stack import PATIENCE_SECONDS, Client, Laptop, laptop, until
from benchmarks.measure import Figure, report

# How much longer a run may take: with nothing to store, and with 20 MB.
EMPTY_SECONDS, STORED_SECONDS = 0.3, 2.0
STORED_BYTES = 20_000_000
COMMAND = """#!/bin/sh
now() { /bin/date +%s.%N > "$0.$JOBS_API_RUN_ID.$1"; }
now begun
[ "$1" != build ] || [ -z "$DBT_TARGET_PATH" ] || /bin/cp "$0.manifest" "$DBT_TARGET_PATH/manifest.json"
now ended
"""


def main(rounds: int = 10) -> None:
    """Start the stack, and print what the runner adds."""
    with laptop() as stack:
        stack.cluster.wait_until_deployed(PATIENCE_SECONDS)
        stack.operate("project", "set", stack.session["organization_id"], stack.project, 'allowed_environment=["PATH"]')
        program = _program(stack.home)
        bare = {words: _around(stack, program, words, rounds, stores=False) for words in ("dbt debug", "dbt build")}
        with_runner = {words: _around(stack, program, words, rounds, stores=True) for words in bare}
    figures = [
        Figure(f"{figure}, {where}", with_runner[words][at] - bare[words][at], "s")
        for words, figure in (("dbt debug", "nothing to store"), ("dbt build", "20 MB to store"))
        for at, where in enumerate(("before the command", "after it"))
    ]
    for words, figure, limit in (
        ("dbt debug", "nothing to store, in all", EMPTY_SECONDS),
        ("dbt build", "20 MB to store, in all", STORED_SECONDS),
    ):
        figures.append(Figure(figure, sum(with_runner[words]) - sum(bare[words]), "s", limit))
    report(f"What the runner adds to a run, medians of {rounds}", figures)


def _around(stack: Laptop, program: Path, words: str, rounds: int, *, stores: bool) -> tuple[float, float]:
    """Return the medians of the seconds before a command begins and after it has ended."""
    setting = f"artifacts={str(stores).lower()}"
    stack.operate("project", "set", stack.session["organization_id"], stack.project, setting)
    client = Client(stack.session)
    job = stack.create_job(client, words, environment={"PATH": str(program.parent) + ":/usr/bin:/bin"})
    until(lambda: stack.cluster.has_cronjob(job["cronjob_name"]), stack.process)
    found = [_one_run(stack, client, job["id"], program) for _ in range(rounds + 1)][1:]
    assert not stores or words != "dbt build" or _stored(client, found[-1][2]), "nothing was stored"
    return median(before for before, _, _ in found), median(after for _, after, _ in found)


def _one_run(stack: Laptop, client: Client, job_id: str, program: Path) -> tuple[float, float, str]:
    requested_at = time.time()
    run = client.call("POST", f"{stack.jobs}/{job_id}/trigger")
    until(lambda: stack.cluster.has_ended(run["job_name"]), stack.process)
    gone = time.time()
    begun, ended = (float(Path(f"{program}.{run['job_run_id']}.{mark}").read_text()) for mark in ("begun", "ended"))
    until(lambda: client.call("GET", f"/runs/{run['job_run_id']}")["status"] == "success", stack.process)
    return begun - requested_at, gone - ended, run["job_run_id"]


def _stored(client: Client, run_id: str) -> bool:
    artifacts = client.call("GET", f"/runs/{run_id}/artifacts")["artifacts"]
    return any(one["size_bytes"] >= STORED_BYTES for one in artifacts)


def _program(home: Path) -> Path:
    folder = home / "timed"
    folder.mkdir()
    program = folder / "dbt"
    program.write_text(COMMAND)
    program.chmod(0o755)
    chance = random.Random(1)  # noqa: S311 - to be repeated, not to be secret
    with Path(f"{program}.manifest").open("w") as file:
        while file.tell() < STORED_BYTES:
            name = f"model.shop.stg_{chance.randrange(10**6)}"
            node = {"unique_id": name, "checksum": f"{chance.getrandbits(256):064x}", "depends_on": [name] * 4}
            file.write(json.dumps({name: node}) + "\n")
    return program


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
