"""Splits a log into records: from dbt's text, debug and JSON formats, and from lines in no known format."""

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final

from jobs_api.logs.records.terminal import plain

MAX_LINES: Final = 20_000
# "07:28:04  message"; with --debug "06:30:57.080051 [info ] [MainThread]: message"; the Rust engine names no thread.
_CLOCK: Final = re.compile(r"(?P<clock>\d\d:\d\d:\d\d)(?:\.\d{1,9})?(?= |$) {0,2}")
_LEVEL: Final = re.compile(r"\[(?P<level>[a-z]{4,8}) {0,2}\] ?(?:\[[^\]]{0,80}\])?: ?")


@dataclass(frozen=True)
class LogEvent:
    """The fields beside the message in dbt's JSON format: the event's `name`, as `LogModelResult`, data and time."""

    name: str
    data: dict[str, Any]
    at: str


@dataclass
class LogRecord:
    """One record of a log: its lines, the first without time and level; `level` where the log has it.

    `clocked`: dbt logged it; other lines are from other programs. `whole`: no more lines can follow, as in JSON.
    `clock` is the time of day in UTC where it is text.
    """

    lines: list[str]
    level: str = ""
    clocked: bool = False
    whole: bool = False
    clock: str = ""
    event: LogEvent | None = None

    @property
    def head(self) -> str:
        """Return the first line without its indentation."""
        return self.lines[0].strip()

    @property
    def blank(self) -> bool:
        """Whether the record has no text."""
        return not any(line.strip() for line in self.lines)


@dataclass
class Log:
    """The records of a log in their order, without those of level `debug`."""

    records: list[LogRecord] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def parsed(text: str) -> Log:
    """Split the last lines of a text, from which terminal sequences were removed."""
    log, hidden = Log(), False
    for line in text.rsplit("\n", MAX_LINES)[-MAX_LINES:]:
        record = record_of(line)
        if record is None:
            if not hidden:
                _add_line(log, line.rstrip())
            continue
        hidden = record.level == "debug"
        if not hidden:
            log.records.append(record)
            log.lines.extend(record.lines)
    return log


def record_of(line: str) -> LogRecord | None:
    """Read a line that begins a record of dbt's; None for a further line of a record, or for one of no known form.

    The line is without terminal sequences.
    """
    return _from_json(line) or _from_text(line)


def _add_line(log: Log, line: str) -> None:
    log.lines.append(line)
    if log.records and not log.records[-1].whole:
        log.records[-1].lines.append(line)
    else:
        log.records.append(LogRecord([line]))


def _from_text(line: str) -> LogRecord | None:
    clock = _CLOCK.match(line)
    if clock is None:
        return None
    rest = line[clock.end() :]
    level = _LEVEL.match(rest)
    if level is None:
        return LogRecord([rest.rstrip()], clocked=True, clock=clock["clock"])
    return LogRecord([rest[level.end() :].rstrip()], level["level"], clocked=True, clock=clock["clock"])


def _from_json(line: str) -> LogRecord | None:
    """Read one event of `--log-format json`: https://docs.getdbt.com/reference/events-logging."""
    if not (line.startswith('{"') and line.rstrip().endswith("}")):
        return None
    try:
        event: Any = json.loads(line)
    except (ValueError, RecursionError):
        return None
    info = event.get("info", event) if isinstance(event, dict) else None
    if not isinstance(info, dict):
        return None
    message, level = info.get("msg", info.get("message")), info.get("level")
    if not (isinstance(message, str) and isinstance(level, str)):
        return None
    lines = [each.rstrip() for each in plain(message).split("\n")]
    is_dbts = info is not event
    return LogRecord(lines, level.lower(), clocked=is_dbts, whole=True, event=_event(event, info) if is_dbts else None)


def _event(event: dict[str, Any], info: dict[str, Any]) -> LogEvent:
    data, name, at = event.get("data"), info.get("name"), info.get("ts")
    return LogEvent(
        name if isinstance(name, str) else "",
        data if isinstance(data, dict) else {},
        at if isinstance(at, str) else "",
    )
