"""DynamoDB cancels one of two transactions on an item at a time, as moto never does; here an emulator of that does."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import pytest
from pynamodb.exceptions import CancellationReason, TransactWriteError, VerboseClientError

from jobs_api import store
from jobs_api.errors import ChangedMeanwhile
from jobs_api.model.project import Project
from jobs_api.model.run import Run, RunStatus
from jobs_api.store import run_counts
from jobs_api.store.rows import connection
from jobs_api.store.transactions import ATTEMPTS, write_all
from tests.functions.people import Person
from tests.functions.test_run_counts import daily, ended, new_job, run_of

# Longer than DynamoDB takes, so that collisions are many.
WRITE_SECONDS = 0.002


def cancelled(codes: list[str]) -> TransactWriteError:
    reasons = [None if code == "None" else CancellationReason(code) for code in codes]
    response: Any = {"Error": {"Code": "TransactionCanceledException", "Message": "cancelled"}}
    return TransactWriteError(
        "cancelled", VerboseClientError(response, "TransactWriteItems", cancellation_reasons=reasons)
    )


@dataclass
class Collisions:
    """`cancelled` counts the transactions that met another one on an item."""

    cancelled: int = 0
    _written: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def writing(self, keys: list[str]) -> Iterator[None]:
        """Hold these items while the block runs; raise where somebody else holds one."""
        with self._lock:
            met = self._written & {*keys}
            if met:
                self.cancelled += 1
                raise cancelled(["TransactionConflict" if key in met else "None" for key in keys])
            self._written |= {*keys}
        try:
            yield
        finally:
            with self._lock:
                self._written -= {*keys}


@pytest.fixture
def collisions(monkeypatch: pytest.MonkeyPatch) -> Collisions:
    state = Collisions()
    write = connection.transact_write_items

    def write_slowly(**items: Any) -> Any:
        sent = [*items["condition_check_items"], *items["delete_items"], *items["put_items"], *items["update_items"]]
        keys = [str(item.get("Key") or item["Item"]) for item in sent]
        with state.writing(keys):
            time.sleep(WRITE_SECONDS)
            return write(**items)

    monkeypatch.setattr(connection, "transact_write_items", write_slowly)
    return state


def begin(project: Project, jobs: int, each: int) -> list[Run]:
    runs = [run_of(job, project) for job in (new_job(project) for _ in range(jobs)) for _ in range(each)]
    for run in runs:
        store.create_run(run)
    return runs


def end_all(runs: list[Run], threads: int) -> Counter[bool]:
    with ThreadPoolExecutor(threads) as pool:
        return Counter(pool.map(lambda run: store.advance_run(run, ended(run)), runs))


def is_written(run: Run) -> bool:
    try:
        return store.advance_run(run, ended(run))
    except ChangedMeanwhile:
        return False


def test_the_ends_of_many_jobs_in_one_process_never_collide(
    alice: Person, jaffle: Project, collisions: Collisions
) -> None:
    assert end_all(begin(jaffle, jobs=8, each=12), threads=16) == {True: 96}

    assert collisions.cancelled == 0
    assert daily(alice, jaffle)[-1]["successful_runs"] == 96


def test_ends_of_one_job_in_several_processes_collide_and_are_all_counted(
    alice: Person, jaffle: Project, collisions: Collisions, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The lock between the threads of one process does not hold threads of other processes back.
    monkeypatch.setattr(run_counts, "one_at_a_time", lambda _: nullcontext())

    left = begin(jaffle, jobs=1, each=24)

    # A run that lost to other writers in every try is left to the next pass.
    with ThreadPoolExecutor(4) as pool:
        while left:
            left = [run for run, written in zip(left, pool.map(is_written, left), strict=True) if not written]

    assert collisions.cancelled > 0
    assert daily(alice, jaffle)[-1]["successful_runs"] == 24


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_transaction_that_came_at_a_bad_moment_is_repeated(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    tries: list[int] = []

    write_all(failing(tries, code, times=2))
    assert len(tries) == 3

    tries.clear()
    with pytest.raises(ChangedMeanwhile):
        write_all(failing(tries, code, times=100))
    assert len(tries) == ATTEMPTS


def test_a_transaction_that_can_never_succeed_is_not_repeated() -> None:
    tries: list[int] = []
    with pytest.raises(TransactWriteError):
        write_all(failing(tries, "ValidationError", times=100))
    assert len(tries) == 1


def failing(tries: list[int], code: str, *, times: int) -> Callable[[Any], None]:
    def fill(_: Any) -> None:
        tries.append(1)
        if len(tries) <= times:
            raise cancelled(["None", code])

    return fill


def test_two_ends_of_one_run_that_collide_count_once(
    alice: Person, jaffle: Project, collisions: Collisions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_counts, "one_at_a_time", lambda _: nullcontext())
    (run,) = begin(jaffle, jobs=1, each=1)
    statuses = [RunStatus.SUCCESS, RunStatus.FAILED, RunStatus.ERROR, RunStatus.CANCELLED]

    with ThreadPoolExecutor(4) as pool:
        written = [*pool.map(lambda status: store.advance_run(run, ended(run, status)), statuses)]

    assert written.count(True) == 1
    assert collisions.cancelled > 0
    assert daily(alice, jaffle)[-1]["total_runs"] == 1
