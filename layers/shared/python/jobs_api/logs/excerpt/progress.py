"""Reads dbt's lines of progress: which node began, and how it ended."""

import re
from typing import Final, NamedTuple

from jobs_api.logs.excerpt.records import LogRecord

_STEP: Final = re.compile(
    r"(?P<at>\d{1,7}) of (?P<of>\d{1,7}) (?P<state>[A-Z]+(?:-[A-Z]+)?(?: STALE| SUCCESS| SKIP)?)(?P<rest>[: ].*)$"
)
_STATUS: Final = re.compile(r" ?\.*+ +\[[^\[\]]*\]$")


class Step(NamedTuple):
    """A line of progress: `16 of 28 ERROR creating sql table model main.orders`."""

    number: tuple[str, str, bool]
    state: str
    what: str


def running(records: list[LogRecord]) -> list[str]:
    """Return the nodes that began and did not end; none where dbt ended by itself."""
    open_steps = dict[tuple[str, str, bool], str]()
    for record in records:
        step = step_of(record)
        if record.head.startswith("Finished running"):
            open_steps.clear()
        elif step and step.state == "START":
            open_steps[step.number] = step.what
        elif step:
            open_steps.pop(step.number, None)
    return list(open_steps.values())


def is_progress(line: str) -> bool:
    """Return whether a line only reports dbt's progress."""
    return _STEP.match(line) is not None


def step_of(record: LogRecord) -> Step | None:
    """Read a line of progress; None for any other line."""
    match = _STEP.match(record.head)
    # Where a process was killed while it wrote, the line may end anywhere.
    status = _STATUS.search(match["rest"]) if match else None
    if match is None or status is None:
        return None
    words = match["rest"][: status.start()].strip(" :").split()
    if words and words[0].isdigit():
        del words[0]
    if not words:
        return None
    what = _named(words)
    # dbt counts hooks separately.
    return Step((match["at"], match["of"], what.startswith("hook ")), match["state"], what)


def _named(words: list[str]) -> str:
    """Return kind and name of the node in a line of progress: `START sql view model main.stg_orders`."""
    name = words[-1]
    if "freshness" in words:
        return f"source {name}"
    for word, kind in (("model", "model"), ("seed", "seed"), ("snapshot", "snapshot"), ("snapshotting", "snapshot")):
        if word in words[:-1]:
            relation = " ".join(words[words.index(word) + 1 :]).removeprefix("file ")
            # The relation's name follows the schema; without an alias it is also the node's name.
            return f"{kind} {relation.rpartition('.')[2]}"
    if "hook" in words[0]:
        return f"hook {name}"
    if "::" in name:
        return f"unit_test {name.rpartition('::')[2]}"
    if "relation" in words[:-1] or "batch" in words[:-1] or "function" in words[:-1]:
        return " ".join(words[-2:])
    return f"test {name}"
