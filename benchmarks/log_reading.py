"""How many logs of failed runs are read correctly, by tool, version and format, now and before the reader was rebuilt.

    python -m benchmarks.log_reading [--wrong]

Reads the logs of tests/data/run_logs, which dbt and SQLMesh wrote, and compares the result with run_results.json of the
same run. `named` counts runs for which exactly the failing models and tests are named. `said` counts runs whose
error_message says why, and names a failed node if there is one.
"""

import gzip
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from jobs_api.logs.excerpt import MOST_FAILURES, excerpt

LOGS = Path(__file__).parent.parent / "tests" / "data" / "run_logs"


class Score(NamedTuple):
    """Whether one log was read correctly; `named` is None if no node failed."""

    case: str
    group: tuple[str, str, str]
    named: bool | None
    said: bool
    named_before: bool | None
    said_before: bool
    read: str


def scores() -> Iterator[Score]:
    """Read every log and judge it."""
    for case, truth in json.loads((LOGS / "truth.json").read_text()).items():
        log = gzip.decompress((LOGS / f"{case}.log.gz").read_bytes()).decode()
        yield judged(case, log, truth)


def judged(case: str, log: str, truth: dict[str, Any]) -> Score:
    """Compare what is read from a log with the truth.

    Args:
        case: its name.
        log: its text.
        truth: `failed` has the failed nodes; of each list of words in `says`, one must be in the message.
    """
    read, failed = excerpt(log), truth["failed"]
    hooks = [failure.node for failure in read.failures if failure.node.startswith(("hook ", "operation "))]
    # In most versions run_results.json does not mention hooks.
    names = [failure.node for failure in read.failures if failure.node not in hooks]
    all_named = (
        set(names) <= set(failed)
        and len(names) == min(len(failed), MOST_FAILURES)
        and read.count - len(hooks) == len(failed)
    )
    said = all(any(word.lower() in read.said.lower() for word in words) for words in truth["says"])
    if failed:
        said = said and any(node in read.said for node in [*failed, *hooks])
    return Score(
        case=case,
        group=(truth["tool"], truth["version"], truth["format"]),
        named=all_named if failed else None,
        said=said,
        named_before=truth["before"]["named"],
        said_before=truth["before"]["said"],
        read=f"{read.count} {names}: {read.said}",
    )


def main() -> None:
    """Print the table."""
    begin = time.perf_counter()
    found = list(scores())
    seconds = time.perf_counter() - begin
    print(f"{'tool':8} {'version':8} {'format':7} {'named before':>14} {'now':>12} {'said before':>14} {'now':>12}")
    for group in [*sorted({score.group for score in found}), ("all", "", "")]:
        mine = [score for score in found if group in (score.group, ("all", "", ""))]
        nodes = [score for score in mine if score.named is not None]
        rates = [
            (sum(bool(score.named_before) for score in nodes), nodes),
            (sum(bool(score.named) for score in nodes), nodes),
            (sum(score.said_before for score in mine), mine),
            (sum(score.said for score in mine), mine),
        ]
        cells = [f"{right:3} of {len(of):3}" for right, of in rates]
        print(f"{group[0]:8} {group[1]:8} {group[2]:7} {cells[0]:>14} {cells[1]:>12} {cells[2]:>14} {cells[3]:>12}")
    print(f"{len(found)} logs read in {seconds:.1f} s")
    if "--wrong" in sys.argv:
        for score in found:
            if score.named is False or not score.said:
                print(f"{score.case}: named {score.named}, said {score.said}: {score.read}")


if __name__ == "__main__":
    main()
