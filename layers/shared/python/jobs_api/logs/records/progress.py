"""Reads dbt's lines of progress: which node began, and how it ended."""

import re
from typing import Final, NamedTuple

from jobs_api.logs.records.record import LogRecord

_STEP: Final = re.compile(
    r"(?P<at>\d{1,7}) of (?P<of>\d{1,7}) (?P<state>[A-Z]+(?:-[A-Z]+)?(?: STALE| SUCCESS| SKIP)?)(?P<rest>[: ].*)$"
)
_SECONDS: Final = re.compile(r"(?:^| )in (?P<seconds>\d{1,9}\.\d\d)s$")
# The word before the name of a relation.
_RELATIONS: Final = (
    ("model", "model"),
    ("seed", "seed"),
    ("snapshot", "snapshot"),
    ("snapshotting", "snapshot"),
    ("snapshotted", "snapshot"),
    ("function", "function"),
)
# The first word, or the first two, of a node that is no relation and no test.
_OTHERS: Final = ("exposure", "saved_query", "saved query", "metric", "semantic_model", "semantic model", "operation")


class Step(NamedTuple):
    """A line of progress: `16 of 28 ERROR creating sql table model main.orders ... [ERROR in 0.02s]`.

    `said` is the text in brackets without the seconds, which dbt gives with two decimals.
    """

    number: tuple[str, str, bool]
    state: str
    node: str
    said: str = ""
    seconds: float | None = None


def running(records: list[LogRecord]) -> list[str]:
    """Return the nodes that began and did not end; none where dbt ended by itself."""
    open_steps = dict[tuple[str, str, bool], str]()
    for record in records:
        step = step_of(record)
        if record.head.startswith("Finished running"):
            open_steps.clear()
        elif step and step.state == "START":
            open_steps[step.number] = step.node
        elif step:
            open_steps.pop(step.number, None)
    return list(open_steps.values())


def is_progress(line: str) -> bool:
    """Return whether a line only reports dbt's progress."""
    return _STEP.match(line) is not None


def step_of(record: LogRecord) -> Step | None:
    """Read a line of progress; None for any other line."""
    match = _STEP.match(record.head)
    parted = _parted(match["rest"]) if match else None
    if match is None or parted is None:
        return None
    words, status = parted[0].strip(" :").split(), parted[1]
    if words and words[0].isdigit():
        del words[0]
    if not words:
        return None
    node = _node_in(words)
    seconds = _SECONDS.search(status)
    said = status[: seconds.start()] if seconds else status
    # dbt counts hooks separately.
    number = (match["at"], match["of"], node.startswith("hook "))
    return Step(number, match["state"], node, said, float(seconds["seconds"]) if seconds else None)


def _parted(rest: str) -> tuple[str, str] | None:
    """Return what is before the dots, and the text in brackets after them; None where the line has no such end.

    If the process was killed during a write, the line may end anywhere. No expression searches for the dots: it would
    begin again at each of many.
    """
    before, bracket, said = rest.rpartition("[")
    if not (bracket and before.endswith(" ") and said.endswith("]")) or "]" in said[:-1]:
        return None
    return before.rstrip(" ").rstrip("."), said[:-1]


def _node_in(words: list[str]) -> str:
    """Return kind and name of the node in a line of progress: `START sql view model main.stg_orders`."""
    name = words[-1]
    if "freshness" in words:
        return f"source {name}"
    if node := _other_node(" ".join(words)) or _relation(words):
        return node
    if "hook" in words[0]:
        return f"hook {name}"
    if "::" in name or words[0] == "unit_test":
        return f"unit_test {name.rpartition('::')[2]}"
    return " ".join(words[-2:]) if {"relation", "batch"} & set(words[:-1]) else f"test {name}"


def _other_node(text: str) -> str:
    """Return a node that is neither a relation nor a test, "" if this names none."""
    kind = next((kind for kind in _OTHERS if text.startswith(f"{kind} ")), "")
    return f"{kind.replace(' ', '_')} {text.removeprefix(f'{kind} ')}" if kind else ""


def _relation(words: list[str]) -> str:
    for word, kind in _RELATIONS:
        if word in words[:-1]:
            relation = " ".join(words[words.index(word) + 1 :]).removeprefix("file ")
            # The relation's name follows the schema; without an alias it is also the node's name.
            return f"{kind} {relation.rpartition('.')[2]}"
    return ""
