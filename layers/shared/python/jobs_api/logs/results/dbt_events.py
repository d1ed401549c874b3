"""Reads what dbt's JSON events say of a node beside their message: https://docs.getdbt.com/reference/events-logging."""

from typing import Any, Final

from jobs_api.logs.records.record import LogEvent
from jobs_api.logs.records.terminal import plain
from jobs_api.logs.results.found import Found
from jobs_api.model.results import NodeOutcome

# The output of a project's own code, which may look like anything.
_PROJECTS_OWN: Final = frozenset(
    {"JinjaLogInfo", "JinjaLogDebug", "JinjaLogWarning", "PrintEvent", "Note", "UserMessage"}
)
_MESSAGES: Final = frozenset({"RunResultError", "RunResultWarningMessage"})
_STATUSES: Final = {
    "success": (NodeOutcome.SUCCESS, "PASS"),
    "pass": (NodeOutcome.SUCCESS, "PASS"),
    "warn": (NodeOutcome.WARN, "WARN"),
    "fail": (NodeOutcome.FAILED, "ERROR"),
    "error": (NodeOutcome.ERROR, "ERROR"),
    "runtime error": (NodeOutcome.ERROR, "ERROR"),
    "partial success": (NodeOutcome.ERROR, "ERROR"),
    "skipped": (NodeOutcome.SKIPPED, "SKIP"),
    "no-op": (NodeOutcome.SKIPPED, "NO-OP"),
    "reused": (NodeOutcome.SKIPPED, "REUSED"),
}


def is_dbts(event: LogEvent) -> bool:
    """Whether dbt itself says this, and not the project's code through it."""
    return event.name not in _PROJECTS_OWN


def node_key(event: LogEvent | None) -> str:
    """Return what tells a node from all others of its invocation; "" if the event does not say."""
    return _text(_info(event).get("unique_id")) if event else ""


def status_outcome(status: object) -> tuple[str, str] | None:
    """Return a status of dbt's in the API's words, and the column in which dbt counts it."""
    return _STATUSES.get(status.lower()) if isinstance(status, str) else None


def message_of(event: LogEvent) -> tuple[str, str] | None:
    """Return a node's unique id and the message that the summary has of it."""
    said, key = event.data.get("msg"), node_key(event)
    return (key, plain(said)) if event.name in _MESSAGES and isinstance(said, str) and key else None


def enrich(node: Found, event: LogEvent) -> None:
    """Add to a node what an event of its end has beside the line of progress."""
    info = _info(event)
    unique_id, kind = _text(info.get("unique_id")), _text(info.get("resource_type"))
    if not unique_id or not kind:
        return
    node.unique_id, node.kind = unique_id, kind
    node.name = _name(info, unique_id, kind) or node.name
    node.started_at = _text(info.get("node_started_at")) or node.started_at
    # dbt also records a time for a skipped node, which never began.
    if node.outcome == NodeOutcome.SKIPPED:
        node.started_at, node.seconds = "", None
    elif (seconds := _number(event.data.get("execution_time"))) is not None:
        node.seconds = round(seconds, 3)
    failures = event.data.get("num_failures")
    if kind == "test" and type(failures) is int and node.outcome != NodeOutcome.ERROR and failures >= 0:
        node.rows = failures


def finished(event: LogEvent) -> tuple[str, Found] | None:
    """Read `NodeFinished`, an event of level debug: the whole result, of commands too that show no progress."""
    info, told = _info(event), event.data.get("run_result")
    unique_id, kind = _text(info.get("unique_id")), _text(info.get("resource_type"))
    if not (isinstance(told, dict) and unique_id and kind) or (outcome := status_outcome(told.get("status"))) is None:
        return None
    node = Found(kind, _name(info, unique_id, kind) or unique_id, *outcome, unique_id=unique_id)
    if node.outcome != NodeOutcome.SKIPPED:
        seconds = _number(told.get("execution_time"))
        node.seconds = None if seconds is None else round(seconds, 3)
        node.started_at = _text(info.get("node_started_at"))
    if node.outcome != NodeOutcome.SUCCESS:
        node.message = plain(_text(told.get("message")))
    return unique_id, node


def combined(line: Found, event: Found) -> Found:
    """Return what a line of progress and a finished node say of the same node."""
    line.message = line.message or event.message
    line.seconds = event.seconds if line.seconds is None else line.seconds
    line.started_at = line.started_at or event.started_at
    return line


def _name(info: dict[str, Any], unique_id: str, kind: str) -> str:
    name = _text(info.get("node_name"))
    if kind == "source":
        # source.<package>.<source>.<table>
        return unique_id.split(".", 2)[-1]
    if kind == "model" and "." in (own := unique_id.split(".", 2)[-1]):
        # A version: model.<package>.<name>.v2
        return own
    return name


def _info(event: LogEvent) -> dict[str, Any]:
    info = event.data.get("node_info")
    return info if isinstance(info, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and 0 <= value < 1e9 else None
