"""Splits a log into records: from dbt's text, debug and JSON formats, and from lines in no known format."""

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final

from jobs_api.logs.excerpt.failures import MAX_LINES
from jobs_api.logs.excerpt.terminal import plain

# "07:28:04  message"; with --debug "06:30:57.080051 [info ] [MainThread]: message"; the Rust engine names no thread.
_CLOCK: Final = re.compile(r"\d\d:\d\d:\d\d(?:\.\d{1,9})?(?= |$) {0,2}")
_LEVEL: Final = re.compile(r"\[(?P<level>[a-z]{4,8}) {0,2}\] ?(?:\[[^\]]{0,80}\])?: ?")


@dataclass
class LogRecord:
    """One record of a log: its lines, the first without time and level; `level` where the log has it.

    `clocked`: dbt logged it; other lines are from other programs. `whole`: no more lines can follow, as in JSON.
    """

    lines: list[str]
    level: str = ""
    clocked: bool = False
    whole: bool = False

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
        record = _from_json(line) or _from_text(line)
        if record is None:
            if not hidden:
                _go_on(log, line.rstrip())
            continue
        hidden = record.level == "debug"
        if not hidden:
            log.records.append(record)
            log.lines.extend(record.lines)
    return log


def _go_on(log: Log, line: str) -> None:
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
        return LogRecord([rest.rstrip()], clocked=True)
    return LogRecord([rest[level.end() :].rstrip()], level["level"], clocked=True)


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
    return LogRecord(lines, level.lower(), clocked=info is not event, whole=True)
