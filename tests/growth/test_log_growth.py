"""Reading a log takes time in proportion to its length, for any output of a process."""

import time

import pytest

from jobs_api.logs.excerpt import excerpt, remarks
from jobs_api.logs.excerpt.failures import MAX_LOG
from jobs_api.logs.results import ResultsReader
from tests.growth.growth import is_linear, repeated

HEAD = "12:00:00  Failure in model a (models/a.sql)\n"
UNITS = {
    "one word": "a",
    "hexadecimal digits": "0f",
    "escapes": "\x1b",
    "open links": "\x1b]8;;",
    "open parameters": "\x1b[1;",
    "backspaces": "a\b",
    "carriage returns": "a\r",
    "carriage returns alone": "\r",
    "indentation": " ",
    "colons": ": ",
    "dots": ".",
    "brackets": "[ERROR ",
    "words that look like errors": "Error",
    "clocks": "12:00:00  \n",
    "clocks and words": "12:00:00  x\n",
    "headings of one model": HEAD,
    "tracebacks": "Traceback (most recent call last):\n",
    "tracebacks with frames": 'Traceback (most recent call last):\n  File "a", line 1\nKeyError: 1\n',
    "chains": "KeyError: 1\n\nThe above exception was the direct cause of the following exception:\n\n"
    "Traceback (most recent call last):\n  a\n",
    "progress": "12:00:00  1 of 9 START sql view model main.a ............ [RUN]\n",
    "stale sources": "12:00:00  1 of 9 ERROR STALE freshness of a.b ............ [ERROR STALE in 0.1s]\n",
    "batches": "12:00:00  Batch 1 of 9 ERROR creating batch 2024-01 of main.a ..... [ERROR in 0.1s]\n",
    "JSON": '{"info": {"level": "error", "msg": "Failure in model a (a.sql)"}}\n',
    "open JSON": '{"a":',
    "errors of the Rust engine": "error: dbt1308: no\n   Failed [  1s] model a.b (table)\n",
    "levels": "2026-01-01 ERROR no\n",
    "audits": "a on model b\n",
    "tests": f"{'-' * 70}\nFAIL: a (b)\n",
    "wrapped lines": "w\n",
    "bullets": '* `"a"."b"`\n',
    "fences": "  ```\n",
    "questions": "Apply [y/n]:\n",
    "tables": "@@,a,b\n→,1→2,3\n",
}
# The lines after one of these are read as a part of it.
OPEN = HEAD + "actual differs from expected:\n**Failed models**\n* `a`\n\n  ```\nactual differs from expected:\n"


@pytest.mark.parametrize("begins", ["", OPEN], ids=["alone", "below headings"])
@pytest.mark.parametrize("unit", UNITS)
def test_a_long_log_takes_no_longer_for_its_length(unit: str, begins: str) -> None:
    assert is_linear(lambda log: (excerpt(log), remarks(log)), lambda length: begins + repeated(UNITS[unit])(length))


RESULTS = {
    "results": "12:00:00  1 of 9 OK created sql view model main.a .......... [OK in 0.10s]\n",
    "results of the Rust engine": "    Failed [  1.00s] model a.b (table)\n",
    "batches of SQLMesh": "[1/1] shop.orders   [full refresh]   \n0.39s   \n",
    "open batches of SQLMesh": "[1/1] shop.orders\n",
    "events": '{"info": {"name": "LogModelResult", "level": "info", "msg": "1 of 1 OK created sql model a . [OK]"},'
    ' "data": {"node_info": {"unique_id": "model.a.b", "resource_type": "model"}}}\n',
    "summaries": "12:00:00  Finished running 1 view model in 0 hours\n12:00:00  Completed with 1 error:\n",
    "test failures": "==================== Test Failures =====\nTest failed: a\nx\n",
    "audits": "Found 3 audit(s).\na on model b\n",
}


@pytest.mark.parametrize(
    "begins", ["", "12:00:00  Finished running 1 view model in 0 hours\n" + OPEN], ids=["alone", "open"]
)
@pytest.mark.parametrize("unit", [*UNITS, *RESULTS])
def test_results_of_a_long_log_take_no_longer_for_its_length(unit: str, begins: str) -> None:
    def read(log: str) -> None:
        reader, content = ResultsReader(), log.encode()
        for at in range(0, len(content), 7000):
            reader.feed(content[at : at + 7000])
        reader.results()

    assert is_linear(read, lambda length: begins + repeated({**UNITS, **RESULTS}[unit])(length))


@pytest.mark.parametrize("unit", [" ", ".", ". ", "[", " [", "]"])
def test_a_long_line_of_progress_takes_no_longer_for_its_length(unit: str) -> None:
    def read(log: str) -> None:
        reader = ResultsReader()
        reader.feed(log.encode())
        reader.results()
        excerpt(log)

    assert is_linear(read, lambda length: f"12:00:00  1 of 9 OK {repeated(unit)(length)}x\n")


@pytest.mark.parametrize("unit", ["one word", "wrapped lines", "headings of one model"])
def test_a_mebibyte_is_read_within_seconds_and_more_is_not_read(unit: str) -> None:
    log = repeated(UNITS[unit])(3 * MAX_LOG)
    began = time.thread_time()

    excerpt(log)

    assert time.thread_time() - began < 10


def test_only_the_end_of_a_long_log_is_read() -> None:
    log = "Error: at the beginning\n" + "x\n" * MAX_LOG + "Error: at the end\n"

    assert excerpt(log).said == "Error: at the end"
