"""Logs that dbt and SQLMesh wrote of runs that failed, held against what run_results.json said of the same run."""

import gzip
import json

import pytest

from benchmarks.log_reading import LOGS, judged
from jobs_api.logs.excerpt import MAX_SAID, excerpt

TRUTH = json.loads((LOGS / "truth.json").read_text())


def read(case: str) -> str:
    return gzip.decompress((LOGS / f"{case}.log.gz").read_bytes()).decode()


@pytest.mark.parametrize("case", TRUTH)
def test_just_what_failed_is_named_and_the_message_says_why(case: str) -> None:
    score = judged(case, read(case), TRUTH[case])

    assert score.named is not False, score.read
    assert score.said, score.read


@pytest.mark.parametrize("case", TRUTH)
def test_the_message_is_one_line_of_bounded_length_without_colours(case: str) -> None:
    said = excerpt(read(case)).said

    assert 0 < len(said) <= MAX_SAID * 3 // 2
    assert said.isprintable()


@pytest.mark.parametrize("case", [case for case, truth in TRUTH.items() if len(truth["failed"]) == 25])
def test_25_failing_tests_are_25(case: str) -> None:
    told = excerpt(read(case))

    assert told.count == 25
    assert told.said.endswith(" and 21 more)")


@pytest.mark.parametrize("case", [case for case in TRUTH if "circular" in case])
def test_a_dependency_cycle_is_named_without_its_traceback(case: str) -> None:
    told = excerpt(read(case))

    assert told.said.removeprefix("Compilation Error: ").startswith("Found a cycle: model.")
    assert "Traceback" not in told.lines


@pytest.mark.parametrize("case", [case for case in TRUTH if TRUTH[case]["tool"] == "dbt"])
def test_a_run_that_ended_has_nothing_running(case: str) -> None:
    told = excerpt(read(case))

    # With --fail-fast dbt cancels what is running, and says no more of it.
    assert not told.running or "fail-fast" in case
