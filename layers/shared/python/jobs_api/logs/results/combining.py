"""Combines what a log says with what dbt stored itself, which is of one invocation: the last one that ran nodes."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from jobs_api.logs.results.dbt_artifacts import Stored
from jobs_api.logs.results.found import Found
from jobs_api.model.results import NodeOutcome

# The text format says nothing else about a skipped node.
_ANY_KIND = "relation"
_MOST_OF_ONE_NAME = 10


def combined_with(found: Sequence[Found], stored: Sequence[Stored]) -> list[Found]:
    """Return the nodes of a log, those of the stored invocations in dbt's own words.

    What is stored may be of an invocation before one that was killed. So if the log has nodes of the invocation that
    the stored ones lack, the log is taken as it is.
    """
    nodes = list(found)
    for one in stored:
        nodes = _with_stored(nodes, one)
    return nodes


def _with_stored(nodes: list[Found], stored: Stored) -> list[Found]:
    of_kind = [node for node in nodes if (node.kind == "source") is stored.of_sources and node.kind != "operation"]
    last = max((node.invocation for node in of_kind), default=None)
    if last is None:
        return [*nodes, *stored.nodes]
    logged = [node for node in nodes if node.invocation == last]
    unmatched = _left_out(stored, logged)
    those = {id(node) for node in unmatched}
    if not _has_all(stored, [node for node in logged if id(node) not in those]):
        return nodes
    said = _Logged(logged)
    own = [_in_words(node, names, stored, said) for node, names in zip(stored.nodes, stored.names, strict=True)]
    own += unmatched
    if not any(node.kind == "operation" for node in own):
        # Before 1.10 dbt does not store results of hooks.
        own = [*(node for node in logged if node.kind == "operation"), *own]
    begin = nodes.index(logged[0])
    return [*nodes[:begin], *own, *(node for node in nodes[begin:] if node.invocation != last)]


def _left_out(stored: Stored, logged: Sequence[Found]) -> list[Found]:
    """Return what only a log has: a source that could not be asked, and what the Rust engine could not run."""
    if not (stored.of_sources or stored.by_engine):
        return []
    ids, names = {node.unique_id for node in stored.nodes}, frozenset[str]().union(*stored.names)
    errors = (node for node in logged if node.outcome == NodeOutcome.ERROR and node.kind != "operation")
    return [node for node in errors if (node.unique_id not in ids if node.unique_id else node.name not in names)]


def _has_all(stored: Stored, logged: Sequence[Found]) -> bool:
    told = Counter(node.kind for node in logged if node.kind != "operation")
    anything, kinds = told.pop(_ANY_KIND, 0), Counter(node.kind for node in stored.nodes)
    left = kinds - told
    return told <= kinds and anything <= sum(left.values())


class _Logged:
    """The nodes of one invocation as its log has them, found by their id or by their names."""

    def __init__(self, nodes: Iterable[Found]) -> None:
        self._by_id, self._by_name = dict[str, Found](), defaultdict[str, list[Found]](list)
        for node in nodes:
            if node.unique_id:
                self._by_id[node.unique_id] = node
            # Nodes of several packages may have one name.
            elif len(self._by_name[node.name]) < _MOST_OF_ONE_NAME:
                self._by_name[node.name].append(node)

    def find(self, node: Found, names: Iterable[str]) -> Found | None:
        same = (one for name in sorted(names) for one in self._by_name.get(name, ()))
        return self._by_id.get(node.unique_id) or next(
            (one for one in same if one.kind in (node.kind, _ANY_KIND)), None
        )


def _in_words(node: Found, names: frozenset[str], stored: Stored, logged: _Logged) -> Found:
    """Return a stored node with the reason that only the log gives."""
    if node.outcome == NodeOutcome.SUCCESS or (node.message and not stored.by_engine):
        return node
    same = logged.find(node, names)
    if same is None:
        return node
    # The engine stores a unit test that found something as an error.
    found = stored.by_engine and node.kind == "unit_test" and same.outcome == NodeOutcome.FAILED
    return replace(node, message=same.message or node.message, outcome=NodeOutcome.FAILED if found else node.outcome)
