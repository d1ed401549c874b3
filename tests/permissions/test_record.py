"""The records of several processes add up to the record of one."""

import threading
from pathlib import Path

import pytest

from tests.permissions import record
from tests.permissions.needed_actions import Asked
from tests.permissions.record import Record, left_by_others

READ = Asked("dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:1:table/runs", "org-a")
LIST = Asked("s3:ListBucket", "arn:aws:s3:::logs")


def a_record(function: str, *calls: Asked) -> Record:
    made = Record(operated={LIST})
    made.asked[function] |= set(calls)
    made.cluster_calls["get", "batch", "jobs"].add(function)
    return made


def test_the_records_of_workers_are_read_unchanged_and_added_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "3")
    a_record("get_run", READ).leave(tmp_path, "gw1")
    a_record("get_job", READ, LIST).leave(tmp_path, "gw2")
    together = a_record("get_run", LIST)

    for other in left_by_others(tmp_path):
        together.add(other)

    assert together.asked == {"get_run": {READ, LIST}, "get_job": {READ, LIST}}
    assert together.operated == {LIST}
    assert together.cluster_calls == {("get", "batch", "jobs"): {"get_run", "get_job"}}


def test_without_workers_there_is_nothing_to_wait_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTEST_XDIST_WORKER_COUNT", raising=False)

    assert left_by_others(tmp_path) == []


def test_the_last_tests_wait_for_a_worker_that_is_not_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "2")
    later = threading.Timer(0.3, a_record("get_run", READ).leave, (tmp_path, "gw1"))
    later.start()

    (found,) = left_by_others(tmp_path)

    later.join()
    assert found.asked == {"get_run": {READ}}


def test_a_worker_that_never_ends_fails_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "2")
    monkeypatch.setattr(record, "MOST_SECONDS_APART", 0)

    with pytest.raises(AssertionError, match="of 1 other workers only 0 left a record"):
        left_by_others(tmp_path)
