"""The parts of logs in the table: each offset of a run's log is written once, so parts never overlap or double.

A writer adds a part where the last one that it knows ends. Of two writers there, one is refused, and reads the last
part again. The parts stand in the partition of their project, are deleted with it, and expire otherwise.
"""

from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Final

from pynamodb.exceptions import PutError

from jobs_api.model.log_part import LogPart
from jobs_api.model.run import LONGEST_OPEN, Run
from jobs_api.store.conditions import was_refused
from jobs_api.store.project_rows import LOG_PART, LogPartRow
from jobs_api.store.projects import partition_of

# After the run's deadline: a cluster out of reach, and operators who look at what happened.
KEPT_AFTER_END: Final = timedelta(days=2)
# Digits of an offset in the key: a petabyte.
DIGITS: Final = 15
_AS_THEY_ARE: Final = tuple(one.name for one in fields(LogPart) if one.name not in {"offset", "files"})


def add_log_part(run: Run, part: LogPart) -> bool:
    """Add a part; False where another process has added one at its offset. One PutItem."""
    row = LogPartRow(
        *_key(run, part.offset),
        files=[list(one) for one in part.files],
        expires_at=int(expires_at(run, part.written_at).timestamp()),
        **{name: value for name in _AS_THEY_ARE if (value := getattr(part, name)) is not None},
    )
    try:
        row.save(condition=LogPartRow.partition.does_not_exist())
    except PutError as error:
        if not was_refused(error):
            raise
        return False
    return True


def last_log_part(run: Run, *, before: int | None = None) -> LogPart | None:
    """Return a run's last part, or the last one that begins at most at an offset; None without one. One Query."""
    partition, latest = _key(run, 10**DIGITS - 1 if before is None else before)
    rows = LogPartRow.query(
        partition,
        LogPartRow.sort.between(_key(run, 0)[1], latest),
        consistent_read=True,
        scan_index_forward=False,
        limit=1,
    )
    return next((_part_of(row) for row in rows), None)


def log_parts(run: Run, *, begin: int = 0) -> Iterator[LogPart]:
    """Yield a run's parts in order, from the one that begins at an offset on. One Query for each MB."""
    partition, first = _key(run, begin)
    latest = _key(run, 10**DIGITS - 1)[1]
    rows = LogPartRow.query(partition, LogPartRow.sort.between(first, latest), consistent_read=True)
    yield from map(_part_of, rows)


def expires_at(run: Run, now: datetime) -> datetime:
    """Return when a part that is written now expires: some time after the run must have ended."""
    return now + (run.deadline or LONGEST_OPEN) + KEPT_AFTER_END


def _key(run: Run, offset: int) -> tuple[str, str]:
    return partition_of(run.organization_id, run.project_id), f"{LOG_PART}{run.id}#{offset:0{DIGITS}}"


def _part_of(row: LogPartRow) -> LogPart:
    values = row.values(_AS_THEY_ARE)
    for name in ("size", "file_bytes", "gaps"):
        values[name] = int(values[name])
    files = tuple((str(log), int(start)) for log, start in row.files)
    return LogPart(offset=int(row.sort.rpartition("#")[2]), files=files, **values)
