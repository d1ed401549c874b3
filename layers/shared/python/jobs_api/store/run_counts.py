"""How many runs of each job ended on each day, counted in the write that ends a run, and so once a run.

An item has a month of a job: each status of each day in an attribute, such as `s28` for the successes of the 28th. So
the runs of several jobs can end at the same moment, and a year of a job is twelve items.
"""

import threading
import zlib
from calendar import monthrange
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Self

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.operand import Path
from pynamodb.transactions import TransactWrite

from jobs_api.model.run import Run, RunStatus
from jobs_api.model.run_stats import DAYS_KEPT, EndCounts, day_of, end_counts_of
from jobs_api.store.project_rows import ProjectsRow
from jobs_api.store.projects import ID, partition_of
from jobs_api.store.rows import TABLE_CONNECTIONS, Row, share_connection

# One letter each, since an item is written for every run and should stay below a kilobyte.
_LETTERS: Final = {
    RunStatus.SUCCESS: "s",
    RunStatus.FAILED: "f",
    RunStatus.ERROR: "e",
    RunStatus.CANCELLED: "c",
}
_MILLISECONDS, _UNTIMED = "m", "u"
_STATUSES: Final = {letter: status for status, letter in _LETTERS.items()}
_LOCKS: Final = [threading.Lock() for _ in range(64)]


class CountsRow(Row):
    """A month of a job; `numbers` has its counts by attribute. `expires_at` is in seconds since 1970."""

    class Meta:
        table_name = ProjectsRow.Meta.table_name
        region = ProjectsRow.Meta.region

    partition = UnicodeAttribute(hash_key=True, attr_name="pk")
    sort = UnicodeAttribute(range_key=True, attr_name="sk")
    expires_at = NumberAttribute(null=True)

    numbers: dict[str, int]

    @classmethod
    def from_raw_data(cls, data: dict[str, Any]) -> Self:
        """Read an item as it came."""
        row = super().from_raw_data(data)
        row.numbers = {name: int(value["N"]) for name, value in data.items() if len(name) == 3 and "N" in value}
        return row


share_connection(CountsRow)


def add_to_counts(transaction: TransactWrite, run: Run) -> None:
    """Count a run in the transaction that writes its end."""
    day = day_of(run)
    actions: list[Any] = [Path(name).add(number) for name, number in _numbers(day, end_counts_of(run)).items()]
    row = _row(run, day)
    transaction.update(row, actions=[*actions, CountsRow.expires_at.set(_expiry(day))])


def one_at_a_time(run: Run) -> AbstractContextManager[Any]:
    """Return a lock to hold while the end of a run is written.

    Ends of the same job are counted in the same item. DynamoDB cancels one of two transactions on an item; so this
    process does not begin the second before the first has ended. Those of other processes are repeated.
    """
    row = _row(run, day_of(run))
    return _LOCKS[zlib.crc32(f"{row.partition} {row.sort}".encode()) % len(_LOCKS)]


def counts_by_day(
    organization_id: str, project_id: str, days: list[date], job_id: str | None = None
) -> dict[date, EndCounts]:
    """Return the counts of a project's runs, or of one of its jobs, on each of some days that has any.

    The days follow each other. For a project one Query, and one more for each megabyte: about 1,500 months of jobs; for
    a job one BatchGetItem. Counts of the last moment may be missing.
    """
    partition = _partition(organization_id, project_id)
    if job_id is None:
        # "~" sorts after every id.
        between = CountsRow.sort.between(_month(days[0]), f"{_month(days[-1])}~")
        return _within(days, CountsRow.query(partition, between))
    if not ID.fullmatch(job_id):
        return {}
    keys = [(partition, f"{month}#{job_id}") for month in sorted({_month(day) for day in days})]
    return _within(days, CountsRow.batch_get(keys))


def purge_counts(organization_id: str, project_id: str) -> None:
    """Remove the counts of a project. A Query for each megabyte, and a DeleteItem for each month of a job."""
    rows = CountsRow.query(_partition(organization_id, project_id), consistent_read=True)
    # No function may write in batches, and a large project has 28,000 items, which must be deleted within a request.
    with ThreadPoolExecutor(TABLE_CONNECTIONS) as pool:
        list(pool.map(CountsRow.delete, rows))


def _partition(organization_id: str, project_id: str) -> str:
    # Not the project's partition, which the previous release reads as a whole when it deletes a project, and would not
    # understand.
    return f"{partition_of(organization_id, project_id)}/counts"


def _row(run: Run, day: date) -> CountsRow:
    return CountsRow(_partition(run.organization_id, run.project_id), f"{_month(day)}#{run.job_id}")


def _month(day: date) -> str:
    return day.isoformat()[:7]


def _expiry(day: date) -> int:
    last = day.replace(day=monthrange(day.year, day.month)[1])
    return int((datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=DAYS_KEPT + 1)).timestamp())


def _numbers(day: date, counts: EndCounts) -> dict[str, int]:
    numbers = {_LETTERS[status]: count for status, count in counts.ends.items()}
    numbers |= {_MILLISECONDS: counts.milliseconds, _UNTIMED: counts.untimed}
    return {f"{letter}{day.day:02}": number for letter, number in numbers.items() if number}


def _within(days: list[date], rows: Iterable[CountsRow]) -> dict[date, EndCounts]:
    wanted = {(_month(day), f"{day.day:02}"): day for day in days}
    found: dict[date, Counter[str]] = defaultdict(Counter)
    for row in rows:
        month = row.sort.partition("#")[0]
        for name, number in row.numbers.items():
            if day := wanted.get((month, name[1:])):
                found[day][name[0]] += number
    return {day: _counts(numbers) for day, numbers in found.items()}


def _counts(numbers: Mapping[str, int]) -> EndCounts:
    ends = {status: numbers[letter] for letter, status in _STATUSES.items() if letter in numbers}
    return EndCounts(ends=ends, milliseconds=numbers.get(_MILLISECONDS, 0), untimed=numbers.get(_UNTIMED, 0))
