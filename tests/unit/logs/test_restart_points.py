"""A compressed log is read from the middle without what stands before, and is one gzip stream all the same."""

import gzip
import io
import random

import pytest

from jobs_api.logs import restart_points
from jobs_api.logs.restart_points import MOST_POINTS, RestartPoints, compress, decompressed

MIB = 1024 * 1024


def compressed(log: bytes, chunk: int) -> tuple[bytes, RestartPoints]:
    file = io.BytesIO()
    points = compress((log[at : at + chunk] for at in range(0, len(log), chunk)), file)
    return file.getvalue(), RestartPoints.read(points.text())


@pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 5_000, 20_000])
def test_a_log_can_be_read_from_any_offset(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restart_points, "FIRST_INTERVAL", 100)
    log = random.Random(size).randbytes(size)  # noqa: S311 - no secret
    stored, points = compressed(log, 333)

    assert gzip.decompress(stored) == log
    assert compressed(log, 7)[0] == stored
    assert len(points.at) <= MOST_POINTS
    for offset in {0, 1, size // 3, size // 2, size}:
        begin, at = points.before(offset)
        assert offset - begin < 2 * points.interval
        assert b"".join(decompressed([stored[at:]], from_start=at == 0)) == log[begin:]


def test_the_points_of_a_long_log_fit_into_the_metadata_of_an_object() -> None:
    points = RestartPoints(MIB)
    for mib in range(10_000):
        if mib * MIB % points.interval == 0:
            points.add(mib * MIB)

    assert len(points.text()) < 1000


def test_a_log_of_an_earlier_release_is_read_from_its_start() -> None:
    assert RestartPoints.read(None).before(10**9) == (0, 0)
