"""A gzip stream carries other content in its header, and every reader of the stream reads the same as before."""

import gzip
import io
import shutil
import subprocess
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_api.logs import gzip_extra
from jobs_api.logs.gzip_extra import HEAD_BYTES, MOST_CARRIED, carried_by, carrying
from jobs_api.logs.restart_points import compress, decompressed


def stream(log: bytes) -> bytes:
    file = io.BytesIO()
    compress([log], file)
    return file.getvalue()


@given(st.binary(max_size=3000), st.one_of(st.binary(max_size=300), st.just(b"\x1f" * MOST_CARRIED)))
def test_log_and_results_are_read_as_they_were_written(log: bytes, content: bytes) -> None:
    stored = carrying(stream(log), content)

    assert carried_by(stored[:HEAD_BYTES]) == content
    assert gzip.decompress(stored) == log
    assert zlib.decompress(stored, zlib.MAX_WBITS + 32) == log
    assert b"".join(decompressed([stored[:7], stored[7:]], from_start=True)) == log


def test_the_program_gzip_skips_what_is_carried() -> None:
    program = shutil.which("gzip")
    assert program

    told = subprocess.run(
        [program, "-dc"], input=carrying(stream(b"a log\n"), b"more"), capture_output=True, check=True
    )

    assert (told.stdout, told.stderr) == (b"a log\n", b"")


@given(st.one_of(st.binary(max_size=50), st.binary(max_size=50).map(lambda rest: b"\x1f\x8b\x08\x04" + rest)))
def test_a_header_of_somebody_else_carries_nothing_of_ours(head: bytes) -> None:
    assert carried_by(head) is None or head[12:14] == b"JR"


def test_a_stream_without_more_carries_nothing() -> None:
    assert carried_by(stream(b"a log\n")) is None
    assert carried_by(b"") is None
    assert carried_by(carrying(stream(b"a log\n"), b"more")[:17]) is None


def test_content_that_is_too_large_for_a_header_is_known_before() -> None:
    assert gzip_extra.fits(b"x" * MOST_CARRIED)
    assert not gzip_extra.fits(b"x" * (MOST_CARRIED + 1))


def test_a_header_with_fields_is_not_overwritten() -> None:
    with pytest.raises(ValueError, match="has fields"):
        carrying(carrying(stream(b""), b"one"), b"two")
