"""The words with which a shell completes a line."""

from collections.abc import Callable

import pytest

from tests.cli.conftest import NIGHTLY, Jobs, Server

OTHER = NIGHTLY | {"id": "job_2", "name": "weekly"}

type Complete = Callable[[str], list[str]]


@pytest.fixture
def complete(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> Complete:
    """Return what bash gets for a line whose last word is to be completed."""

    def call(line: str) -> list[str]:
        words = line.split(" ")
        monkeypatch.setenv("_JOBS_API_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
        done = jobs()
        assert done.err == ""
        return done.out.split()

    return call


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("jobs-api show ", ["nightly-refresh", "weekly"]),
        ("jobs-api show ni", ["nightly-refresh"]),
        ("jobs-api logs we", ["weekly"]),
        ("jobs-api runs we", ["weekly"]),
        ("jobs-api trigger --wait --project jaffle we", ["weekly"]),
        ("jobs-api trigger jaffle/we", ["jaffle/weekly"]),
        ("jobs-api show x", []),
        ("jobs-api list --project ja", ["jaffle"]),
        ("jobs-api projects show j", ["jaffle"]),
        ("jobs-api trig", ["trigger"]),
    ],
)
def test_names_are_completed_as_they_can_be_typed(
    line: str, words: list[str], server: Server, complete: Complete
) -> None:
    server.answers["GET /projects/proj_1/jobs"] = [(200, {"jobs": [NIGHTLY, OTHER], "total": 2}, {})]

    assert complete(line) == words


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_completion_asks_a_failing_server_once_and_prints_no_error(
    status: int, server: Server, complete: Complete
) -> None:
    server.answers["GET /projects"] = [(status, {"message": "no", "code": "no"}, {})]

    assert complete("jobs-api show ni") == []
    assert server.calls() == ["GET /projects"]


def test_nothing_is_completed_where_nobody_logged_in(
    server: Server, complete: Complete, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JOBS_API_TOKEN")

    assert complete("jobs-api show ni") == []
    assert server.calls() == []
