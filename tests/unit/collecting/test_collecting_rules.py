"""When a log is read, written and followed."""

from datetime import timedelta

import pytest

from jobs_api.collecting import rules
from jobs_api.collecting.rules import Growth

SECOND = timedelta(seconds=1)
KIB, MIB = 1024, 1024 * 1024


@pytest.mark.parametrize(
    ("new_bytes", "since_start", "since_part", "written"),
    [
        (0, 3600, 3600, False),
        (100, 59, None, False),
        (100, 60, None, True),
        (256 * KIB, 2, None, True),
        (100, 300, 29, False),
        (100, 300, 30, True),
        (256 * KIB, 300, 1, True),
    ],
)
def test_a_part_is_written_after_a_while_or_once_it_is_large(
    new_bytes: int, since_start: int, since_part: int | None, *, written: bool
) -> None:
    part = None if since_part is None else since_part * SECOND

    assert rules.is_written(new_bytes, since_start * SECOND, part) is written


@pytest.mark.parametrize(
    ("file_bytes", "grown", "within", "near", "waits"),
    [
        (20 * KIB, 20 * KIB, 10, False, True),
        (9 * MIB, 0, 60, False, False),
        (9 * MIB, MIB, 10, True, False),
        (4 * MIB, 5 * MIB, 1, True, False),
        (11 * MIB, 0, 60, True, False),
        (MIB, MIB, 5, False, False),
        (0, 0, 0, False, True),
    ],
)
def test_a_log_that_may_be_rotated_before_the_next_look_is_followed(
    file_bytes: int, grown: int, within: int, *, near: bool, waits: bool
) -> None:
    growth = Growth(file_bytes, grown, within * SECOND)

    assert rules.is_near_rotation(growth) is near
    assert (rules.next_read(growth, 2 * rules.YOUNG) > timedelta()) is waits
    assert rules.next_read(growth, rules.YOUNG / 2) == timedelta()


def test_a_line_takes_more_on_disk_than_its_text() -> None:
    assert rules.on_disk(b"one\ntwo\nthr") == 11 + 2 * 46
