"""Log files, for any output of a process in any pieces."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.cluster.clock import TestClock
from local.cluster.kubelet.logs import Log, read
from local.cluster.log_options import LogOptions

START = datetime(2026, 4, 28, 2, tzinfo=UTC)
PIECES = st.lists(st.sampled_from([b"\n", b"a", b"line\n", b"x\ny", b"z" * 20_000, "é\n".encode()]), max_size=12)


@pytest.fixture
def clock() -> TestClock:
    return TestClock(START)


def written(path: Path, clock: TestClock, pieces: list[bytes], seconds: float = 0) -> Log:
    path.unlink(missing_ok=True)
    log = Log(path, clock)
    for piece in pieces:
        log.data_received(piece)
        clock.advance(seconds)
    log.connection_lost(None)
    return log


def text(log: Log, how: LogOptions) -> bytes:
    async def gather() -> bytes:
        return b"".join([chunk async for chunk in read(log, how)])

    return asyncio.run(gather())


def last(content: bytes, lines: int) -> bytes:
    return b"".join(content.splitlines(keepends=True)[-lines:]) if lines else b""


@given(pieces=PIECES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
def test_written_lines_are_read(tmp_path: Path, clock: TestClock, pieces: list[bytes]) -> None:
    assert text(written(tmp_path / "log", clock, pieces), LogOptions()) == b"".join(pieces)


@given(lines=st.lists(st.sampled_from(["", "a", "b c", "é"]), max_size=10), wanted=st.integers(0, 12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
def test_the_tail_is_the_last_lines(tmp_path: Path, clock: TestClock, lines: list[str], wanted: int) -> None:
    content = "".join(f"{line}\n" for line in lines).encode()
    log = written(tmp_path / "log", clock, [content])
    assert text(log, LogOptions(tail=wanted)) == last(content, wanted)


def test_a_line_has_the_time_at_which_it_was_complete(tmp_path: Path, clock: TestClock) -> None:
    log = written(tmp_path / "log", clock, [b"one\ntw", b"o\n"], seconds=1.5)
    assert text(log, LogOptions(timestamps=True)) == (
        b"2026-04-28T02:00:00.000000000Z one\n2026-04-28T02:00:01.500000000Z two\n"
    )


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, b"0\n1\n2\n"), (1, b"1\n2\n"), (1.5, b"2\n"), (2, b"2\n"), (3, b"")]
)
def test_the_parameter_since_leaves_out_older_lines(
    tmp_path: Path, clock: TestClock, seconds: float, expected: bytes
) -> None:
    log = written(tmp_path / "log", clock, [b"0\n", b"1\n", b"2\n"], seconds=1)
    assert text(log, LogOptions(since=START + timedelta(seconds=seconds))) == expected


def test_the_format_is_that_of_container_runtimes(tmp_path: Path, clock: TestClock) -> None:
    log = written(tmp_path / "log", clock, [b"full\n", b"part"])
    assert log.path.read_bytes() == (
        b"2026-04-28T02:00:00.000000000Z stdout F full\n2026-04-28T02:00:00.000000000Z stdout P part\n"
    )


def chunks() -> Iterator[bytes]:
    for number in range(200):
        yield f"{number}\n".encode()


def test_a_follower_misses_nothing_and_ends_with_the_process(tmp_path: Path, clock: TestClock) -> None:
    async def follow() -> tuple[bytes, bytes]:
        log = Log(tmp_path / "log", clock)

        async def write() -> None:
            for chunk in chunks():
                log.data_received(chunk)
                await asyncio.sleep(0)
            log.connection_lost(None)

        async def gather() -> bytes:
            return b"".join([chunk async for chunk in read(log, LogOptions(follow=True))])

        _, one, two = await asyncio.gather(write(), gather(), gather())
        return one, two

    assert asyncio.run(follow()) == (b"".join(chunks()), b"".join(chunks()))


def test_a_container_that_never_ran_has_an_empty_log() -> None:
    async def gather() -> list[bytes]:
        return [chunk async for chunk in read(None, LogOptions(follow=True))]

    assert asyncio.run(gather()) == []


def test_the_end_of_a_log_as_text(tmp_path: Path, clock: TestClock) -> None:
    log = written(tmp_path / "log", clock, [b"one\ntwo\nthree\n"])
    assert log.tail(2, 2048) == "two\nthree\n"
    assert log.tail(2, 4) == "ree\n"


BURST = b"".join(b"%06d %s\n" % (number, b"x" * 92) for number in range(70_000))  # 7 MB


def test_a_log_over_10_mib_is_rotated_and_only_the_new_file_is_read(tmp_path: Path, clock: TestClock) -> None:
    log = Log(tmp_path / "log", clock)
    for _ in range(4):
        log.data_received(BURST)
        clock.advance(15)
        log.rotate_if_large()
    log.connection_lost(None)

    assert text(log, LogOptions()) == b""
    assert text(log, LogOptions(tail=5)) == b""
    assert len(list(tmp_path.glob("log.*"))) == 2


def test_lines_since_a_time_are_read(tmp_path: Path, clock: TestClock) -> None:
    log = Log(tmp_path / "log", clock)
    for piece in (BURST, BURST, b"the end\n"):
        log.rotate_if_large()
        log.data_received(piece)
        clock.advance(15)
    log.connection_lost(None)
    log.rotate_if_large()

    assert text(log, LogOptions()) == b"the end\n"


def test_only_the_newest_files_are_kept(tmp_path: Path, clock: TestClock) -> None:
    log = Log(tmp_path / "log", clock)
    for _ in range(16):
        log.data_received(BURST)
        clock.advance(15)
        log.rotate_if_large()
    log.connection_lost(None)

    assert len(list(tmp_path.iterdir())) == 5


def test_a_follower_continues_in_the_next_file(tmp_path: Path, clock: TestClock) -> None:
    async def follow() -> bytes:
        log = Log(tmp_path / "log", clock)
        reading = asyncio.create_task(_all_of(read(log, LogOptions(follow=True))))
        for piece in (BURST, BURST, b"the end\n"):
            await asyncio.sleep(0.05)
            log.rotate_if_large()
            log.data_received(piece)
        log.connection_lost(None)
        return await reading

    assert asyncio.run(follow()) == BURST + BURST + b"the end\n"


async def _all_of(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


def test_the_rest_of_a_line_whose_beginning_is_too_old_has_no_time(tmp_path: Path, clock: TestClock) -> None:
    log = written(tmp_path / "log", clock, [b"z" * 16_384, b"rest\nnext\n"], seconds=2)

    assert text(log, LogOptions(since=START + timedelta(seconds=1), timestamps=True)) == (
        b"rest\n2026-04-28T02:00:02.000000000Z next\n"
    )
