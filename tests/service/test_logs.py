"""Logs in S3: stored whole, returned by their last lines, and readable through a link."""

import gzip
import os
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from jobs_api.errors import NotFound
from jobs_api.ids import new_id
from jobs_api.logs import archive
from jobs_api.logs.log_end import INLINE_BYTES, LogEnd, decoded, last_lines
from jobs_api.model.run import Run, RunStatus, TriggeredBy
from tests.calls_to_aws import Call, intercept_aws

NOON = datetime(2026, 4, 28, 12, tzinfo=UTC)
MIB = 1024 * 1024


def a_run(**values: Any) -> Run:
    return Run(
        **{
            "id": new_id("run_"),
            "organization_id": "org-acme",
            "project_id": "proj_jaffle",
            "job_id": "job_one",
            "job_name": "jaffle-build-29622960",
            "cronjob_name": "jaffle-build",
            "namespace": "org-acme",
            "job_type": "build",
            "status": RunStatus.SUCCESS,
            "triggered_by": TriggeredBy.SCHEDULED,
            "created_at": NOON,
            "updated_at": NOON,
            **values,
        }
    )


def s3() -> Any:
    return botocore.session.get_session().create_client("s3")


def stored(key: str) -> Any:
    return s3().get_object(Bucket=os.environ["LOGS_BUCKET"], Key=key)


def test_a_log_is_returned_unchanged() -> None:
    run = a_run()

    log, _ = archive.store_log(run, [b"Running with dbt\n", "caf\u00e9\n".encode()])
    found = archive.of_run(run.model_copy(update={"log": log}))

    assert found.logs == "Running with dbt\ncafé\n"
    assert (found.size_bytes, found.truncated, found.download_url) == (23, False, None)


def test_the_object_is_compressed_under_the_runs_own_key_and_says_what_it_is() -> None:
    run = a_run()

    log, _ = archive.store_log(run, [b"one\n", b"two\n"])

    assert log.key == f"logs/org-acme/proj_jaffle/{run.id}.log.gz"
    held = stored(log.key)
    assert gzip.decompress(held["Body"].read()) == b"one\ntwo\n"
    assert (held["ContentType"], held["ContentEncoding"]) == ("text/plain; charset=utf-8", "gzip")


def test_storing_a_log_again_leaves_the_same_object() -> None:
    run = a_run()

    first, second = (stored(archive.store_log(run, [b"one\n"])[0].key)["ETag"] for _ in range(2))

    assert first == second


def test_a_long_log_is_answered_with_its_end_and_a_link_to_all_of_it() -> None:
    run = a_run()
    lines = [f"line {number:07}\n".encode() for number in range(3 * MIB // 13)]
    whole = b"".join(lines)

    log, end = archive.store_log(run, (whole[at : at + 65_536] for at in range(0, len(whole), 65_536)))
    found = archive.of_run(run.model_copy(update={"log": log}))

    assert found.logs == whole[-MIB:].decode()
    assert (found.size_bytes, found.truncated) == (len(whole), True)
    assert end.last(13) == lines[-1].decode()
    assert found.download_url
    with urllib.request.urlopen(found.download_url) as answer:  # noqa: S310 - moto's, over http
        assert gzip.decompress(answer.read()) == whole
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert "jaffle-build-29622960.log" in answer.headers["Content-Disposition"]


def test_a_log_of_exactly_the_limit_is_not_truncated() -> None:
    run = a_run()

    log, _ = archive.store_log(run, [b"x" * INLINE_BYTES])
    found = archive.of_run(run.model_copy(update={"log": log}))

    assert (len(found.logs), found.truncated, log.tail_key) == (INLINE_BYTES, False, None)


def test_bytes_that_are_not_utf_8_are_stored_and_shown_with_a_replacement() -> None:
    run = a_run()

    log, _ = archive.store_log(run, [b"caf\xe9\n"])

    assert archive.read_log_end(log) == "caf\ufffd\n"
    assert gzip.decompress(stored(log.key)["Body"].read()) == b"caf\xe9\n"


def test_a_run_that_never_started_has_an_empty_log() -> None:
    found = archive.of_run(a_run(status=RunStatus.ERROR))

    assert (found.logs, found.size_bytes, found.truncated) == ("", 0, False)


def test_a_log_that_nobody_stored_is_lost_and_says_so() -> None:
    lost = archive.what_is_left(a_run())

    assert "gone before its log could be read" in archive.read_log_end(lost)
    assert lost.size_bytes == len(archive.read_log_end(lost))


@pytest.mark.parametrize("chunks", [[b"one\n", b"two\n"], [b"x" * MIB, b"end\n"]])
def test_the_rest_of_a_stored_log_is_the_whole_log(chunks: list[bytes]) -> None:
    run = a_run()

    log, _ = archive.store_log(run, chunks)

    assert archive.what_is_left(run) == log


def test_a_lost_log_never_takes_the_place_of_one_that_another_pass_stores_just_then() -> None:
    run = a_run()

    archive.what_is_left(run)
    log, _ = archive.store_log(run, [b"one\n"])

    assert archive.read_log_end(log) == "one\n"


def test_a_log_that_was_removed_is_not_found() -> None:
    run = a_run()
    log, _ = archive.store_log(run, [b"one\n"])
    s3().delete_object(Bucket=os.environ["LOGS_BUCKET"], Key=log.key)

    with pytest.raises(NotFound, match="no longer kept"):
        archive.read_log_end(log)


def test_nothing_is_stored_of_a_log_that_breaks_off() -> None:
    run = a_run()

    def breaks_off() -> Iterator[bytes]:
        yield b"one\n"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        archive.store_log(run, breaks_off())
    with pytest.raises(s3().exceptions.ClientError):
        stored(f"logs/org-acme/proj_jaffle/{run.id}.log.gz")


def test_a_bucket_that_cannot_be_asked_has_lost_no_log(monkeypatch: pytest.MonkeyPatch) -> None:
    def failed(call: Call) -> Any:
        raise ClientError({"Error": {"Code": "503", "Message": "Slow down"}}, call.operation)

    intercept_aws(monkeypatch, failed)

    with pytest.raises(ClientError):
        archive.what_is_left(a_run())


@given(chunks=st.lists(st.binary(max_size=40), max_size=40), limit=st.integers(1, 50), count=st.integers(1, 60))
def test_the_end_is_that_of_the_whole_however_it_comes(chunks: list[bytes], limit: int, count: int) -> None:
    end, whole = LogEnd(limit), b"".join(chunks)
    for chunk in chunks:
        end.add(chunk)

    assert end.size == len(whole)
    assert end.content == whole[-limit:]
    shown = min(count, limit)
    assert end.last(count) == decoded(whole[-shown:], cut=len(whole) > shown)


@given(text=st.text(max_size=50), cut=st.integers(0, 60))
def test_a_cut_never_shows_half_a_character(text: str, cut: int) -> None:
    content = text.encode()

    assert text.endswith(decoded(content[cut:], cut=cut > 0))


@given(st.lists(st.text(alphabet="ab\r\u2028", max_size=3), max_size=6), st.integers(1, 8), st.booleans())
def test_the_last_lines_are_those_of_tail(lines: list[str], count: int, ends_in_a_break: bool) -> None:  # noqa: FBT001
    text = "\n".join(lines) + ("\n" if lines and ends_in_a_break else "")

    kept = last_lines(text, count)

    assert text.endswith(kept)
    assert kept.removesuffix("\n").count("\n") < count
    assert kept == text or kept.removesuffix("\n").count("\n") == count - 1
