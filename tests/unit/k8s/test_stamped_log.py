"""A log that is read on again and again has each byte once, wherever the readings end."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_api.k8s.log_place import LogPlace, NotStamped, OtherLog, Piece
from jobs_api.k8s.stamped_log import Reading, incomplete, read_on, read_whole
from tests.unit.k8s.kubelet_log import KubeletLog

SECOND = 10**9
NOON = 1_777_377_600 * SECOND
LIMIT = 4000


def look(log: KubeletLog, place: LogPlace, limit: int = LIMIT, chunk: int = 1000) -> Piece:
    """Read on as the service does."""
    place = LogPlace.read(place.text())
    if place.since:
        try:
            return read_on(place, log.answer(place.since, place.window.size + limit + 100, chunk), limit)
        except OtherLog:
            pass
    return read_whole(place, "pod-a", log.answer(None, chunk=chunk), limit)


def all_of(log: KubeletLog, place: LogPlace, limit: int = LIMIT) -> tuple[bytes, LogPlace]:
    read = b""
    while (piece := look(log, place, limit)).content:
        read, place = read + piece.content, piece.place
    return read, place


LINES = st.tuples(
    st.integers(-SECOND // 2, 2 * SECOND),
    st.sampled_from(
        [b"", b"x", "caf\u00e9 \u65e5\U0001f600".encode(), b"\xff\xf0\x80", b"2026-04-28T12:00:00Z x", b"a\rb"]
    ),
    st.integers(1, 30),
    st.booleans(),
    st.integers(0, 3),
)


@pytest.mark.slow
@given(st.lists(LINES, max_size=25), st.integers(4, 300), st.integers(1, 200))
def test_nothing_is_lost_or_doubled_wherever_a_reading_ends(
    lines: list[tuple[int, bytes, int, bool, int]], limit: int, chunk: int
) -> None:
    log, place, read, at = KubeletLog(), LogPlace(), b"", NOON
    for wait, content, times, ends, looks in lines:
        at += max(wait, 0)
        log.write(at + min(wait, 0), content * times, ends=ends)
        for _ in range(looks):
            piece = look(log, place, limit, chunk)
            assert len(piece.content) <= limit
            assert not piece.elsewhere
            read, place = read + piece.content, piece.place
    rest, place = all_of(log, place, limit)
    read += rest

    assert read == log.text[: len(read)]
    assert len(log.text) - len(read) == incomplete(log.text)
    assert place.offset == len(read)


@pytest.mark.slow
def test_a_thousand_cuts_at_random_lose_and_double_nothing() -> None:
    chance = random.Random(13)  # noqa: S311 - no secret
    log, place, read, at = KubeletLog(), LogPlace(), bytearray(), NOON
    for _ in range(1000):
        for _ in range(chance.randrange(4)):
            at += chance.choice([0, 1000, SECOND // 7, SECOND])
            size = chance.choice([0, 3, 30, 80, 90, 200, 300, 17_000 if at % 9 else 3])
            log.write(at, "\u65e5".encode() * (size // 3), ends=chance.random() < 0.9)
        piece = look(log, place, chance.randrange(4, 9000), chance.randrange(50, 5000))
        read += piece.content
        place = piece.place
    read += all_of(log, place, 100_000)[0]

    assert bytes(read) == log.text


@pytest.mark.parametrize(
    ("content", "missing"),
    [
        (b"", 0),
        (b"a", 0),
        ("a\u00e9".encode(), 0),
        (b"a\xc3", 1),
        (b"a\xdf", 1),
        ("\u65e5".encode(), 0),
        (b"\xe6", 1),
        (b"\xe0\xa4", 2),
        (b"\xef\xbf", 2),
        ("\U0001f600".encode(), 0),
        (b"\xf0", 1),
        (b"\xf0\x9f", 2),
        (b"\xf0\x90\x80", 3),
        # No UTF-8 at all: nothing is waited for.
        (b"\xff", 0),
        (b"\xf8\x80\x80", 0),
        (b"\x80\x80\x80\x80\x80", 0),
    ],
)
def test_only_a_character_whose_rest_is_missing_is_left_for_the_next_read(content: bytes, missing: int) -> None:
    assert incomplete(content) == missing


def test_another_file_is_read_from_its_beginning_and_told_apart() -> None:
    log = KubeletLog()
    log.write(NOON, b"one")
    piece = look(log, LogPlace())
    log.write(NOON, b"lost")
    log.rotate()
    assert look(log, piece.place) == Piece(b"", piece.place)
    log.write(NOON + 1, b"two")

    after = look(log, piece.place)

    assert (piece.content, after.content, after.elsewhere) == (b"one\n", b"two\n", True)
    assert (after.place.offset, after.place.log != piece.place.log) == (4, True)


def test_following_costs_the_new_lines_and_those_of_two_seconds() -> None:
    log, place, at = KubeletLog(), LogPlace(), NOON
    for _ in range(600):
        at += SECOND // 10
        log.write(at, b"x" * 100)
        place = all_of(log, place)[1]

    assert place.since
    assert place.window.size < 25 * 140


def test_the_lines_of_a_node_in_another_time_zone_are_found_again() -> None:
    log, place = KubeletLog(zone="+02:00"), LogPlace()
    for second in range(5):
        log.write(NOON + second * SECOND, b"x")
        place = all_of(log, place)[1]

    assert (place.since, place.offset) == ("2026-04-28T10:00:03Z", 10)


def test_a_line_that_comes_a_moment_late_from_the_other_stream_is_not_lost() -> None:
    log, place = KubeletLog(), LogPlace()
    log.write(NOON + SECOND, b"out")
    _, place = all_of(log, place)
    log.write(NOON + SECOND - 1, b"err")

    assert look(log, place).content == b"err\n"


def test_a_message_of_the_kubelet_is_no_log() -> None:
    answer = [b"unable to retrieve container logs for containerd://0123456789abcdef\n"]

    with pytest.raises(NotStamped):
        read_whole(LogPlace(), "pod-a", answer, LIMIT)


@given(st.text(min_size=1), st.integers(1, 3))
def test_the_beginning_of_a_character_is_known(text: str, cut: int) -> None:
    content = text.encode()[: -min(cut, len(text[-1].encode()) - 1) or None]

    whole = content[: len(content) - incomplete(content)]

    assert whole.decode() == text[: len(whole.decode())]


@pytest.mark.slow
@given(
    st.lists(st.tuples(st.integers(-SECOND // 8, 2 * SECOND), st.integers(0, 300)), min_size=20, max_size=60),
    st.integers(0, 40),
)
def test_lines_that_are_taken_at_once_are_those_that_are_taken_one_by_one(
    lines: list[tuple[int, int]], begun: int
) -> None:
    log, at = KubeletLog(), NOON
    for wait, size in lines:
        at += wait
        log.write(at, b"2026-04-28T12:00:00.000000000Z " * (size % 2) + b"x" * size)
    wanted = LogPlace("pod-a " + "2026-04-28T12:00:00.000000000Z", begun)
    at_once, one_by_one = (Reading(LogPlace(), 1 << 40, pod_name="pod-a", wanted=wanted) for _ in range(2))
    for part in log.answer(None, chunk=20_000):
        at_once.take(part)
    for part in log.answer(None, chunk=17):
        one_by_one.take(part)

    assert at_once.piece() == one_by_one.piece()
