"""Answers on the emulator's wire end for botocore as urllib3's do."""

from botocore.response import StreamingBody

from local.emulator import wire
from local.emulator.s3_answers import Answer


def test_reading_in_pieces_reaches_the_end_and_reads_once_more() -> None:
    raw = wire.Raw(Answer(200, {}, b"abcd"))

    assert list(StreamingBody(raw, 4).iter_chunks(2)) == [b"ab", b"cd"]  # type: ignore[arg-type]
    assert raw.read(2) == b""
