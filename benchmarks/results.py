"""How many results read from a log agree with run_results.json of the same run, by tool, version and format.

    python -m benchmarks.results [--wrong]

The logs lie in tests/data: dbt 1.7 to 1.12 and its Rust engine wrote them, in the formats text (with colours, without),
debug, JSON and quiet; truth.json.gz has what run_results.json and sources.json said of each node. `nodes` counts those,
`read` the ones of which the log gave a result, `differ` the ones of which it gave another. `all` counts the logs of
which every node was read. A log that shows no progress (`--quiet`, `compile`, an operation) gives less, never others.
"""

import gzip
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from jobs_api.logs.results import ResultsReader
from jobs_api.model.results import NodeResult, RunResults

DATA: Final = Path(__file__).parent.parent / "tests" / "data"
FOLDERS: Final = (DATA / "run_results", DATA / "run_logs")
STATUSES: Final = {
    "success": "success",
    "pass": "success",
    "warn": "warn",
    "fail": "failed",
    "error": "error",
    "runtime error": "error",
    "partial success": "error",
    "skipped": "skipped",
    "no-op": "skipped",
    "reused": "skipped",
}
# The text format names a model by its relation.
RELATIONS: Final = {"model.shop.alias_me": "other_name"}
PIECE: Final = 3000


class Compared(NamedTuple):
    """One log: how many nodes there were, and were read; what differs, a line for each; whether it says it is whole."""

    case: str
    group: tuple[str, str, str]
    nodes: int
    read: int
    differences: list[str]
    complete: bool


def truth() -> dict[str, dict[str, Any]]:
    """Return for each case `tool`, `version`, `format`, and `results`: id, status, seconds, rows, message."""
    document: dict[str, dict[str, Any]] = json.loads(gzip.decompress((FOLDERS[0] / "truth.json.gz").read_bytes()))
    return document


def as_stored(known: dict[str, Any]) -> bytes:
    """Return the file that dbt stored of a run, as far as the truth has it: without its SQL and times."""
    results = [
        {
            "unique_id": unique_id,
            "status": status,
            "execution_time": more[0] if more else None,
            "failures": more[1] if more and unique_id.startswith("test") else None,
            "adapter_response": {"rows_affected": more[1]} if more and not unique_id.startswith("test") else {},
            "message": more[2] if more else None,
        }
        for unique_id, status, *more in known["results"]
    ]
    kind = "sources/v3" if results and results[0]["unique_id"].startswith("source.") else "run-results/v6"
    version = "2.0.0" if known["tool"] == "dbt (Rust)" else f"{known['version']}.0"
    metadata = {"dbt_schema_version": f"https://schemas.getdbt.com/dbt/{kind}.json", "dbt_version": version}
    return json.dumps({"metadata": metadata, "args": {"which": "build"}, "results": results}).encode()


def log_of(case: str) -> bytes:
    """Return a log as its tool wrote it."""
    file = next(path for folder in FOLDERS if (path := folder / f"{case}.log.gz").exists())
    return gzip.decompress(file.read_bytes())


def read_in_pieces(log: bytes, piece: int = PIECE) -> RunResults | None:
    """Read a log as ingest does."""
    reader = ResultsReader()
    for at in range(0, len(log), piece):
        reader.feed(log[at : at + piece])
    return reader.results()


def compared(case: str, known: dict[str, Any]) -> Compared:
    """Read a log and compare its results with those of its run."""
    results = read_in_pieces(log_of(case))
    unread = list(results.results) if results else []
    differences, read = list[str](), 0
    for unique_id, status, *more in known["results"]:
        found = next((node for node in unread if _is(node, unique_id)), None)
        if found is None:
            continue
        unread.remove(found)
        read += 1
        differences += _differences(found, unique_id, status, more, known)
    differences += [
        f"{node.resource_type} {node.name}: nobody ran it" for node in unread if not _may_be_more(node, known)
    ]
    group = (known["tool"], known["version"], known["format"])
    return Compared(case, group, len(known["results"]), read, differences, bool(results and results.complete))


def _may_be_more(node: NodeResult, known: dict[str, Any]) -> bool:
    """Whether the truth leaves such a node out.

    Before 1.10 run_results.json has no hooks, and never those of the Rust engine; sources.json does not have what could
    not be asked, and the engine's no model or seed whose statement failed.
    """
    if node.status == "error" and (node.resource_type == "source" or known["tool"] == "dbt (Rust)"):
        return True
    return node.resource_type == "operation" or not known["results"]


def _differences(
    node: NodeResult, unique_id: str, status: str, more: list[Any], known: dict[str, Any]
) -> Iterator[str]:
    # A unit test that found a difference is an error in the engine's run_results.json, but not in its log.
    is_found = known["tool"] == "dbt (Rust)" and node.resource_type == "unit_test" and node.status == "failed"
    if node.status != STATUSES[status] and not (is_found and status == "error"):
        yield f"{unique_id}: {node.status}, not {status}"
    if node.resource_type not in (unique_id.partition(".")[0], "relation"):
        yield f"{unique_id}: a {node.resource_type}"
    if not more:
        return
    seconds, rows, message = more
    # The engine's log has the node's whole time, its run_results.json the time in which it ran.
    if None not in (node.seconds, seconds) and known["tool"] != "dbt (Rust)" and abs(node.seconds - seconds) > 0.011:
        yield f"{unique_id}: {node.seconds} seconds, not {seconds}"
    if node.rows is not None and node.rows != rows:
        yield f"{unique_id}: {node.rows} rows, not {rows}"
    if node.message and message and not _says(node.message, message):
        yield f"{unique_id}: says {node.message[:80]!r}, not {message[:80]!r}"


def _says(read: str, told: str) -> bool:
    """Whether a message says what dbt does; the engine adds the error's name."""
    words = " ".join(read.split())[:60].rpartition("]: ")[2]
    return words in " ".join(told.split()) or told in {"Error", "Warn"}


def _is(node: NodeResult, unique_id: str) -> bool:
    if node.unique_id:
        return node.unique_id == unique_id
    kind, _, rest = unique_id.split(".", 2)
    names = {rest, rest.replace(".", "_"), rest.partition(".")[0], RELATIONS.get(unique_id, rest)}
    if kind == "unit_test":
        names = {rest.rpartition(".")[2]}
    if kind == "operation":
        names = {re.sub(r"-(on-run-\w+)-(\d+)$", r".\1.\2", rest), rest}
    return node.name in names and node.resource_type in (kind, "relation")


def main() -> None:
    """Print the table."""
    cases, begin = truth(), time.perf_counter()
    found = [compared(case, known) for case, known in cases.items()]
    seconds = time.perf_counter() - begin
    size = sum(len(log_of(case)) for case in cases)
    print(f"{'tool':12} {'version':9} {'format':8} {'logs':>5} {'nodes':>6} {'read':>6} {'all':>5} {'differ':>7}")
    for group in [*sorted({each.group for each in found}), ("all", "", "")]:
        mine = [each for each in found if group in (each.group, ("all", "", ""))]
        figures = Counter[str]()
        for each in mine:
            figures.update(nodes=each.nodes, read=each.read, all=each.nodes == each.read, differ=len(each.differences))
        print(
            f"{group[0]:12} {group[1]:9} {group[2]:8} {len(mine):5} {figures['nodes']:6} {figures['read']:6}"
            f" {figures['all']:5} {figures['differ']:7}"
        )
    print(f"{len(found)} logs of {size / 1e6:.1f} MB read in {seconds:.1f} s")
    if "--wrong" in sys.argv:
        for each in found:
            for difference in each.differences:
                print(f"{each.case}: {difference}")


if __name__ == "__main__":
    main()
