"""Reads what dbt itself stored of the nodes of its last invocation: `run_results.json` and `sources.json`.

A form that nobody knows gives nothing: https://docs.getdbt.com/reference/artifacts/run-results-json.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from jobs_api.logs.records.terminal import plain
from jobs_api.logs.results.dbt_events import status_outcome
from jobs_api.logs.results.found import MOST_RESULTS, Found
from jobs_api.model.results import NodeOutcome

RUN_RESULTS: Final = "run_results.json"
SOURCES: Final = "sources.json"
# dbt 1.4 to 1.12 and its Rust engine write these.
_SCHEMA: Final = re.compile(r"https://schemas\.getdbt\.com/dbt/(?:run-results/v[456]|sources/v3)\.json")
# The commands that run nodes. `compile` and `docs generate` write a success for each node, and run none.
_RUN: Final = frozenset({"build", "run", "test", "seed", "snapshot", "clone"})
_UNIQUE_ID: Final = re.compile(r"(?P<kind>[a-z_]{3,30})\.\w{1,200}\.(?P<name>.{1,400})")
_HOOK: Final = re.compile(r"-(on-run-(?:start|end))-(\d{1,6})$")
_TESTS: Final = frozenset({"test", "unit_test"})
# The text that the Rust engine writes in place of a reason.
_NO_REASON: Final = frozenset({"Error", "Warn", "Fail", "Skipped due to upstream failure", "NO-OP"})
# Snowflake's one row that says that a table was made.
_ONE_ROW_THAT_SAYS_SO: Final = "SUCCESS"
_MOST_ROWS: Final = 10**15


@dataclass(frozen=True)
class Stored:
    """The nodes of one file in the order in which they ended; `of_sources` of `sources.json`.

    `names` has for each node the other names that a log may give it. With `by_engine`, dbt's Rust engine wrote them.
    """

    nodes: list[Found]
    names: list[frozenset[str]]
    of_sources: bool = False
    by_engine: bool = False


def stored_nodes(content: bytes) -> Stored | None:
    """Return what a file says; None if it is none of these two, is damaged, or is of a command that runs no nodes."""
    try:
        document = json.loads(content)
        metadata, results = document["metadata"], document["results"]
        schema = _SCHEMA.fullmatch(metadata["dbt_schema_version"])
        of_sources = bool(schema) and "/sources/" in metadata["dbt_schema_version"]
        is_known = schema and (of_sources or document["args"]["which"] in _RUN)
        if not is_known or not results or len(results) > MOST_RESULTS:
            return None
        engine = not str(metadata["dbt_version"]).startswith(("0.", "1."))
        nodes = [_node(one, engine=engine) for one in results]
        return Stored(nodes, [_names(one, node) for one, node in zip(results, nodes, strict=True)], of_sources, engine)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _node(told: dict[str, Any], *, engine: bool) -> Found:
    unique_id = _UNIQUE_ID.fullmatch(told["unique_id"])
    outcome = status_outcome(told["status"])
    if unique_id is None or outcome is None:
        raise ValueError("a node without an id or a status that is known")
    kind = unique_id["kind"]
    node = Found(kind, _name(kind, unique_id["name"]), *outcome, unique_id=told["unique_id"])
    if node.outcome != NodeOutcome.SKIPPED:
        node.seconds = _seconds(told.get("execution_time"))
        node.started_at = _started_at(told.get("timing"))
        node.rows = _rows(told, kind, node, engine=engine)
    if node.outcome != NodeOutcome.SUCCESS:
        said = plain(str(told.get("message") or told.get("error") or ""))
        node.message = "" if said in _NO_REASON else said
    return node


def _name(kind: str, rest: str) -> str:
    """Return a node's name as dbt's JSON log has it, from the rest of its id."""
    match kind:
        case "test":
            return rest.partition(".")[0]
        case "unit_test":
            return rest.rpartition(".")[2]
        case "operation":
            return _HOOK.sub(r".\1.\2", rest)
        case _:
            return rest


def _names(told: dict[str, Any], node: Found) -> frozenset[str]:
    relation = told.get("relation_name")
    alias = relation.rpartition(".")[2].strip('"`[]') if isinstance(relation, str) else node.name
    return frozenset({node.name, node.name.replace(".", "_"), alias})


def _rows(told: dict[str, Any], kind: str, node: Found, *, engine: bool) -> int | None:
    """Return the rows that the warehouse says were written; of a test, those that it found."""
    response = told.get("adapter_response")
    if kind in _TESTS:
        rows = told.get("failures") if kind == "test" and node.outcome != NodeOutcome.ERROR else None
    elif kind == "operation" or not isinstance(response, dict) or response.get("code") == _ONE_ROW_THAT_SAYS_SO:
        return None
    else:
        rows = response.get("rows_affected")
    # The engine reports 0 rows for a table that has some.
    return rows if type(rows) is int and (1 if engine else 0) <= rows < _MOST_ROWS else None


def _seconds(value: object) -> float | None:
    return round(float(value), 3) if isinstance(value, int | float) and 0 <= value < 1e9 else None


def _started_at(timing: object) -> str:
    first = timing[0] if isinstance(timing, list) and timing else None
    begun = first.get("started_at") if isinstance(first, dict) else None
    return begun if isinstance(begun, str) else ""
