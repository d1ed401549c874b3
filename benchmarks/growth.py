"""Measures masking and reading of a log at 10 KB, 100 KB and 1 MB: an ordinary log, and the worst texts known.

.venv/bin/python -m benchmarks.growth
"""

import time
from collections.abc import Callable
from pathlib import Path

from jobs_api.logs.excerpt import excerpt, telling_line
from jobs_api.redaction.masking import is_secret_name, masked
from tests.growth.growth import UNITS, repeated

SIZES = (10_000, 100_000, 1_000_000)
LOGS = Path(__file__).parent.parent / "tests" / "data" / "logs"


def main() -> None:
    """Print a row for each function and text."""
    log = "".join(path.read_text() for path in sorted(LOGS.glob("*.log")))
    print(f"{'':42}" + "".join(f"{size // 1000:>8} KB" for size in SIZES))
    for function in (masked, excerpt, telling_line):
        row(f"{function.__name__}, an ordinary log", function, repeated(log))
        slowest = max(UNITS, key=lambda unit: seconds(function, repeated(unit)(SIZES[1])))
        row(f"{function.__name__}, {slowest!r} over and over", function, repeated(slowest))
    row("is_secret_name, one name", is_secret_name, repeated("A"))


def row(title: str, function: Callable[[str], object], make: Callable[[int], str]) -> None:
    """Print how long a function takes with texts of each size."""
    print(f"{title[:42]:42}" + "".join(f"{seconds(function, make(size)):>9.3f} s" for size in SIZES))


def seconds(function: Callable[[str], object], text: str) -> float:
    """Return the processor's time of one call."""
    began = time.thread_time()
    function(text)
    return time.thread_time() - began


if __name__ == "__main__":
    main()
