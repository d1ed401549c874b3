"""Adds to failed nodes, and to those that warn, what dbt's summary at the end says of them."""

from jobs_api.logs.excerpt import dbt_summary
from jobs_api.logs.excerpt.failures import Failure
from jobs_api.logs.records.record import LogRecord
from jobs_api.logs.results.found import Found
from jobs_api.model.results import NodeOutcome


def add(nodes: list[Found], by_id: dict[str, str], summary: list[LogRecord]) -> None:
    """Add the messages.

    Args:
        nodes: of one invocation.
        by_id: the messages of which the log names the node.
        summary: the records from the line `Finished running` on.
    """
    told = {
        NodeOutcome.ERROR: _messages_by_node(dbt_summary.failures_of_summary(summary)),
        NodeOutcome.WARN: _messages_by_node(dbt_summary.warnings_of_summary(summary)),
    }
    for node in nodes:
        if node.message or not (node.is_bad or node.outcome == NodeOutcome.WARN):
            continue
        messages = told[NodeOutcome.WARN if node.outcome == NodeOutcome.WARN else NodeOutcome.ERROR]
        node.message = by_id.get(node.unique_id, "") or _message(messages, node)


def names(summary: list[LogRecord]) -> set[str]:
    """Return what the summary names as failed."""
    begin = next((at for at, record in enumerate(summary) if record.head.startswith("Completed with")), 0)
    return {failure.node for failure in dbt_summary.failures_of_summary(summary[begin:])}


def is_in_summary(node: Found, told: set[str]) -> bool:
    """Whether one of these names is that of the node."""
    return any(f"{node.kind} {name}" in told for name in _names(node))


def _messages_by_node(failures: list[Failure]) -> dict[str, list[str]]:
    named = dict[str, list[str]]()
    for failure in failures:
        named.setdefault(failure.node, []).append(failure.message)
    return named


def _message(messages: dict[str, list[str]], node: Found) -> str:
    """Return what was said of a node, "" where that may be about another of the same name."""
    for name in _names(node):
        said = messages.get(f"{node.kind} {name}", [])
        if len(said) == 1:
            return said[0]
    return ""


def _names(node: Found) -> list[str]:
    """Return a node's name, and the one that it has in the summary."""
    if node.kind == "source":
        # The table alone.
        return [node.name, node.name.rpartition(".")[2]]
    if node.kind == "model" and "_v" in node.name:
        # prices_v2 is `prices.v2` there.
        return [node.name, ".v".join(node.name.rsplit("_v", 1))]
    return [node.name]
