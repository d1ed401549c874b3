"""Parts of logs in the table and the bucket: each offset is written once, and they go with their project."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from jobs_api.collecting.parts import Parts
from jobs_api.errors import JobsApiError
from jobs_api.k8s.log_place import LogPlace
from jobs_api.logs import log_bucket, part_contents
from jobs_api.logs.log_bucket import bucket_client
from jobs_api.model.run import Run
from jobs_api.store import log_parts
from jobs_api.store.project_rows import LogPartRow
from tests.service.test_logs import a_run

NOON = datetime(2026, 4, 28, 12, tzinfo=UTC)
LOG = "pod-a 2026-04-28T12:00:00.000000000Z"


def add(parts: Parts, text: bytes) -> None:
    parts.add(text, LogPlace(LOG, parts.place.offset + len(text)), None)


def parts_of(run: Run) -> Parts:
    return Parts.of(run, lambda: NOON)


def test_parts_are_read_back_in_order_from_the_item_and_the_bucket() -> None:
    run, large = a_run(), os.urandom(10_000).hex().encode()
    parts = parts_of(run)
    for text in (b"one\n", large, b"three\n"):
        add(parts, text)

    found = list(log_parts.log_parts(run))

    assert [part.content is None for part in found] == [False, True, False]
    assert b"".join(parts_of(run).text()) == b"one\n" + large + b"three\n"
    assert parts_of(run).last == found[-1]
    assert log_parts.last_log_part(run, before=10) == found[1]
    assert parts_of(run).after(LogPlace(LOG, 2), 4) == (b"e\n" + large[:2], LogPlace(offset=6))


def test_one_of_two_writers_of_the_same_part_writes_it_and_the_other_adds_what_follows() -> None:
    run = a_run()
    one, other = parts_of(run), parts_of(run)
    add(one, b"one\ntwo\n")
    other.add(b"one\n", LogPlace(LOG, 4), None)
    other.add(b"two\nthree\n", LogPlace(LOG, 14), None)

    assert [part.size for part in log_parts.log_parts(run)] == [8, 6]
    assert b"".join(parts_of(run).text()) == b"one\ntwo\nthree\n"


def test_a_message_about_lost_lines_that_others_keep_from_being_written_is_an_error_and_not_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts = parts_of(a_run())
    monkeypatch.setattr(log_parts, "add_log_part", lambda *_: False)

    with pytest.raises(JobsApiError, match="at the same time"):
        parts.add_gap(LogPlace(LOG), "some output may be lost")


def test_a_process_that_dies_between_the_object_and_the_item_leaves_nothing_that_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run, large = a_run(), os.urandom(10_000).hex().encode()

    def die(*_: object) -> bool:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(log_parts, "add_log_part", die)
        with pytest.raises(ConnectionError):
            add(parts_of(run), large[:15_000])
    add(parts_of(run), large)

    assert b"".join(parts_of(run).text()) == large


def test_objects_of_parts_are_purged_with_their_organization_alone() -> None:
    run, large = a_run(), os.urandom(10_000).hex().encode()
    bystander = run.model_copy(update={"organization_id": f"{run.organization_id}-2"})
    for one in (run, bystander):
        add(parts_of(one), large)

    log_bucket.purge(run.organization_id)

    assert b"".join(parts_of(run).text()).startswith(b"[jobs-api: 20000 bytes that were collected")
    assert b"".join(parts_of(bystander).text()) == large


def test_an_object_that_is_gone_is_a_line_as_long_as_it_was() -> None:
    run, large = a_run(), os.urandom(10_000).hex().encode()
    parts = parts_of(run)
    add(parts, large)
    add(parts, b"rest\n")
    assert parts.last
    key = next(part.key for part in log_parts.log_parts(run) if part.key)
    bucket_client().delete_object(Bucket=os.environ["LOGS_BUCKET"], Key=key)

    text = b"".join(parts_of(run).text())

    assert text.startswith(b"[jobs-api: 20000 bytes that were collected are no longer kept]")
    assert (len(text), text[-6:]) == (20_005, b"\nrest\n")


def test_parts_expire_after_their_run_must_have_ended() -> None:
    run = a_run(deadline_seconds=3600)
    add(parts_of(run), b"one\n")

    rows = LogPartRow.query(f"{run.organization_id}/{run.project_id}", LogPartRow.sort.startswith(f"output#{run.id}"))
    row = next(iter(rows))

    assert row.expires_at == (NOON + timedelta(hours=1, days=2)).timestamp()
    assert part_contents.IN_ITEM_BYTES < 400_000
