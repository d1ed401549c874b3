"""How whole and how soon a log is given while its run is open.

    python -m benchmarks.follow [cuts]
    python -m benchmarks.follow laptop [lines]
    python -m benchmarks.follow rotating [megabytes] [megabytes a second] [seconds before it prints]

The first one follows a log through cuts at random places, in a simulation whose kubelet rotates the log's files, and
counts what is lost and doubled. The second one takes the time from a line that is printed to the line that is given, on
the stack of `make run`. The third one prints so much there, against the embedded kubelet, which looks every 10 seconds
and rotates a file over 10 MiB, and counts what is stored.
"""

import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any
from urllib.request import urlopen

from benchmarks.laptop_stack import Client, Laptop, laptop, until
from benchmarks.measure import Figure, report
from benchmarks.pulses import percentile

# The PATH of the job contains only this program.
STAMPS = """#!{python}
import sys, time
for _ in range({lines}):
    print(repr(time.time()), flush=True)
    time.sleep(0.05)
"""
BURST = """#!{python}
import os, sys, time
number, line = 0, b"%09d " + b"x" * 89 + b"\\n"
time.sleep({after})
begun = time.monotonic()
while number * 100 < {megabytes} * 10**6:
    os.write(1, b"".join(line % n for n in range(number, number + 1000)))
    number += 1000
    time.sleep(max(0, begun + number * 100 / ({speed} * 10**6) - time.monotonic()))
"""
LINE_BYTES = 100
# Seconds from a line that is printed to the line that is given.
FOLLOWED_WITHIN = 1.0


def main(cuts: int = 1000) -> None:
    """Follow a log through cuts, rotations and looks in turn."""
    from pytest import MonkeyPatch  # noqa: PLC0415, PT013

    import tests.aws_of_template  # noqa: F401, PLC0415 - AWS must exist before the store is imported
    from jobs_api.k8s.log_place import LogPlace  # noqa: PLC0415
    from jobs_api.live import following  # noqa: PLC0415
    from tests.service.rotating_kubelet import Table, numbers  # noqa: PLC0415
    from tests.service.test_following_parts import FollowedKubelet  # noqa: PLC0415

    with MonkeyPatch.context() as patch:
        Table().use(patch)
        node, chance, place, given, gaps = FollowedKubelet(), random.Random(13), LogPlace(), bytearray(), 0  # noqa: S311
        for _ in range(cuts):
            patch.setattr(following, "PIECE_BYTES", chance.randrange(40, 2000))
            node.print(chance.randrange(20), size=chance.randrange(200))
            if chance.random() < 0.2:
                node.collector().read(everything=True)
                if chance.random() < 0.2:
                    node.rotate()
                    node.print()
            found = node.next(place)
            place, text = found.place, found.text.encode()
            given += text
        patch.setattr(following, "PIECE_BYTES", 2**20)
        node.collector().read(everything=True)
        for rest in node.rest(place):
            given += rest.text.encode()
        lines = [one for one in numbers(bytes(given)) if one is not None]
        gaps = numbers(bytes(given)).count(None)
    report(
        f"{cuts:,} cuts of a log of {len(given):,} bytes in {len(node.files)} files",
        [
            Figure("lines lost", node.printed - len(set(lines)), "", 0),
            Figure("lines doubled", len(lines) - len(set(lines)), "", 0),
        ],
        f"{gaps} lines say that something may be lost before a file: nothing is, but a look cannot know that",
    )


def on_laptop(lines: int = 200) -> None:
    """Take the time until each line is given."""
    with laptop() as stack:
        client, run = started(stack, STAMPS, lines=lines)
        waits = list(delays(lambda path: client.call("GET", path), run))
    assert len(waits) == lines
    waits.sort()
    report(
        f"{lines} lines, followed on the stack of make run",
        [
            Figure("printed to given, median", median(waits), "s", FOLLOWED_WITHIN),
            Figure("printed to given, p99", percentile(waits, 99), "s"),
        ],
    )


def delays(get: Callable[[str], Any], run: str) -> Iterator[float]:
    """Yield how long after it was printed each line is given; `get` returns the answer to a GET."""
    after, rest = "", ""
    while True:
        answer = get(f"/runs/{run}/logs?wait=20&after={after}")
        now, after = time.time(), answer["after"]
        *whole, rest = (rest + answer["logs"]).split("\n")
        yield from (now - float(line) for line in whole)
        if answer["done"]:
            return


def rotating(megabytes: int = 200, speed: float = 5, after: float = 5) -> None:
    """Print so much so fast, beginning some seconds after the command's start; count what is stored."""
    with laptop() as stack:
        client, run = started(stack, BURST, megabytes=megabytes, speed=speed, after=after)
        begun = time.monotonic()
        until_ended(stack, client, run, begun + after + megabytes / speed)
        answer = client.call("GET", f"/runs/{run}/logs")
        with urlopen(answer["download_url"]) as log:  # noqa: S310 - it is http
            found = counted(log)
        status = client.call("GET", f"/runs/{run}")
    printed = megabytes * 10**6 // LINE_BYTES
    report(
        f"{megabytes} MB at {speed} MB a second, against a kubelet that rotates",
        [
            Figure("stored", answer["size_bytes"] / 10**6, "MB"),
            Figure("lines lost", printed - found["different"], "", 0),
            Figure("lines doubled", found["doubled"], "", 0),
            Figure("lines that say what is lost", found["told"], ""),
        ],
        f"{status['status']}: {answer.get('message', 'no message')}",
    )


def until_ended(stack: Laptop, client: Client, run: str, printed_at: float) -> None:
    """Wait for the end of a run."""
    time.sleep(max(0.0, printed_at - time.monotonic()))
    until(lambda: client.call("GET", f"/runs/{run}")["status"] not in {"pending", "running"}, stack.process)


def counted(log: Iterator[bytes]) -> dict[str, int]:
    """Count lines: different ones, doubled ones, and those that say what is lost."""
    import gzip  # noqa: PLC0415

    seen, found = set[int](), {"different": 0, "doubled": 0, "told": 0}
    for line in gzip.GzipFile(fileobj=log):  # type: ignore[call-overload]
        if line.startswith(b"[jobs-api: "):
            found["told"] += 1
            print(line.decode().strip())
            continue
        if len(line) != LINE_BYTES:
            continue  # an incomplete line
        number = int(line[:9])
        found["doubled"] += number in seen
        seen.add(number)
    found["different"] = len(seen)
    return found


def program(folder: Path, text: str, **values: float) -> None:
    """Write a `dbt` into a folder."""
    written = folder / "dbt"
    written.write_text(text.format(python=sys.executable, **values))
    written.chmod(0o755)


def started(stack: Laptop, text: str, **values: float) -> tuple[Client, str]:
    """Start a run of a program; return a client and the run, once its command runs."""
    stack.operate("project", "set", stack.session["organization_id"], stack.project, 'allowed_environment=["PATH"]')
    folder = stack.home / "printing"
    folder.mkdir()
    program(folder, text, **values)
    client = Client(stack.session)
    job = stack.create_job(client, environment={"PATH": str(folder)})
    run = client.call("POST", f"{stack.jobs}/{job['id']}/trigger")["job_run_id"]
    return client, str(run)


if __name__ == "__main__":
    kind, *numbers_given = sys.argv[1:] or [""]
    if kind == "laptop":
        on_laptop(*map(int, numbers_given))
    elif kind == "rotating":
        rotating(*(int(one) for one in numbers_given))
    else:
        main(*map(int, sys.argv[1:]))
