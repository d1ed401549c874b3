"""Runs that are followed: the log once and whole, the run's exit code, interrupts, attempts, and older servers."""

import json
import signal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jobs_cli.log_pieces import GAP, new_part
from jobs_cli.progress import Progress
from jobs_cli.screen import TerminalScreen

from tests.cli.conftest import RUN, Jobs, Server

STARTED = {"job_run_id": "run_1", "job_name": RUN["job_name"], "status": "pending", "message": "ok"}
GOING_ON = {"message": "The run goes on", "code": "run_not_completed"}
LOGS = "GET /runs/run_1/logs"


def piece(logs: str, status: str = "running", *, done: bool = False) -> dict[str, Any]:
    return {"run_id": "run_1", "status": status, "logs": logs, "after": f"after-{len(logs)}", "done": done}


@pytest.fixture
def triggered(server: Server) -> Server:
    server.on("POST /projects/proj_1/jobs/job_1/trigger", STARTED, 202)
    return server


def test_the_log_arrives_in_order_and_once(triggered: Server, jobs: Jobs) -> None:
    triggered.on(LOGS, piece("", "pending"))
    triggered.on(LOGS, piece("one\ntw"))
    triggered.on(LOGS, piece("o\n", "success", done=True))

    ended = jobs("trigger", "nightly-refresh", "--wait")

    assert (ended.code, ended.out) == (0, "one\ntwo\n")
    assert "run_1 success after 1:02" in ended.err
    assert [asked.query.get("after") for asked in triggered.asked if asked.path == "/runs/run_1/logs"] == [
        None, "after-0", "after-6",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ({"status": "success", "exit_code": 0}, 0),
        ({"status": "failed", "exit_code": 2}, 2),
        ({"status": "failed"}, 1),
        ({"status": "error", "exit_code": 137}, 1),
        ({"status": "cancelled", "exit_code": 143}, 130),
    ],
)
def test_the_exit_code_is_that_of_the_run(triggered: Server, jobs: Jobs, end: dict[str, Any], code: int) -> None:
    triggered.on(LOGS, piece("x\n", end["status"], done=True))
    triggered.answers["GET /runs/run_1"] = [(200, RUN | end, {})]

    ended = jobs("trigger", "nightly-refresh", "--wait", "--json")

    assert ended.code == code
    assert json.loads(ended.out)["status"] == end["status"]
    assert "x\n" in ended.err


def test_the_last_attempt_decides_the_exit_code(triggered: Server, jobs: Jobs) -> None:
    triggered.on(LOGS, piece("first\n", "failed", done=True))
    triggered.answers["GET /runs/run_1"] = [(200, RUN | {"status": "failed", "retried_as": "run_2"}, {})]
    triggered.on("GET /runs/run_2", RUN | {"id": "run_2", "attempt": 2})
    triggered.on("GET /runs/run_2/logs", piece("second\n", "success", done=True))

    ended = jobs("trigger", "nightly-refresh", "--wait")

    assert (ended.code, ended.out) == (0, "first\nsecond\n")


def test_on_an_older_server_the_live_log_is_polled(triggered: Server, jobs: Jobs, slept: list[float]) -> None:
    live = f"GET /jobs/{RUN['job_name']}/logs"
    triggered.on(LOGS, GOING_ON, 409)
    triggered.on(LOGS, {"run_id": "run_1", "logs": "one\ntwo\nthree\n"})
    triggered.answers["GET /runs/run_1"] = [
        (200, RUN | {"status": status}, {}) for status in ("pending", "running", "running", "success")
    ]
    triggered.on(live, {"logs": "one\n"})
    triggered.on(live, {"logs": "one\ntwo\n"})

    ended = jobs("trigger", "nightly-refresh", "--wait")

    assert (ended.code, ended.out) == (0, "one\ntwo\nthree\n")
    assert slept == [2, 2, 2]


def test_an_interrupt_without_a_terminal_leaves_the_run_alone(
    triggered: Server, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    _interrupt_after_the_first_piece(triggered, monkeypatch)

    ended = jobs("trigger", "nightly-refresh", "--wait")

    assert ended.code == 130
    assert "jobs-api logs -f run_1" in ended.err
    assert "POST /runs/run_1/cancel" not in triggered.calls()


def test_ci_can_ask_for_a_cancel_and_still_gets_the_whole_log(
    triggered: Server, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    _interrupt_after_the_first_piece(triggered, monkeypatch)
    triggered.on("POST /runs/run_1/cancel", {"run_id": "run_1", "status": "running", "message": "ok"}, 202)
    triggered.answers["GET /runs/run_1"] = [(200, RUN | {"status": "cancelled"}, {})]

    ended = jobs("trigger", "nightly-refresh", "--wait", "--cancel-on-interrupt")

    assert (ended.code, ended.out) == (130, "one\ntwo\n")
    assert triggered.calls().count("POST /runs/run_1/cancel") == 1


def _interrupt_after_the_first_piece(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.on(LOGS, piece("one\n"))
    server.on(LOGS, piece("two\n", "cancelled", done=True))
    interrupted: list[bool] = []

    def note(_name: object, piece: Any, _status: object, _message: object) -> None:
        from sys import stdout  # noqa: PLC0415

        stdout.write(piece)
        if not interrupted:
            interrupted.append(True)
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("jobs_cli.screen.PlainScreen.show", note)


def test_cancel_prints_the_message_of_the_api(server: Server, jobs: Jobs) -> None:
    server.on("POST /runs/run_1/cancel", {"run_id": "run_1", "message": "Run cancellation requested"}, 202)

    assert jobs("cancel", "run_1", "--reason", "wrong target").out == "run_1: Run cancellation requested\n"
    assert server.asked[-1].body == {"reason": "wrong target"}


def test_the_name_of_a_job_means_its_latest_run(server: Server, jobs: Jobs) -> None:
    server.on("GET /projects/proj_1/runs", {"runs": [], "next_cursor": "more"})
    server.on("GET /projects/proj_1/runs", {"runs": [RUN]})
    server.on("POST /runs/run_1/retry", STARTED | {"retry_of": "run_1"}, 202)

    assert jobs("retry", "nightly-refresh").code == 0
    assert server.asked[-1].body == {"from": "start"}


def test_runs_of_a_page_that_is_empty_are_looked_for_on_the_next(server: Server, jobs: Jobs) -> None:
    server.on("GET /runs", {"runs": [], "next_cursor": "more"})
    server.on("GET /runs", {"runs": [RUN]})

    assert [run["id"] for run in jobs("runs", "--json").json["runs"]] == ["run_1"]
    assert server.asked[-1].query["cursor"] == "more"


@given(st.lists(st.text("ab\n", max_size=8), max_size=12), st.data())
def test_each_part_of_a_growing_log_is_printed_once(parts: list[str], data: st.DataObject) -> None:
    whole = "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    given_text, seen = "", ""
    for cut in [*cuts, len(whole)]:
        given_text += new_part(seen, whole[:cut])
        seen = whole[:cut]

    assert given_text == whole


def test_where_the_tail_moved_on_lines_are_joined_or_reported_as_missing() -> None:
    lines = [f"line {number}\n" for number in range(1000)]

    assert new_part("".join(lines[:600]), "".join(lines[300:700])) == "".join(lines[600:700])
    assert new_part("".join(lines[:100]), "".join(lines[500:])) == GAP + "".join(lines[500:])


def test_progress_is_taken_from_the_lines_of_dbt() -> None:
    progress = Progress()
    progress.read("10:00:00  1 of 3 START sql table model main.customers ........ [RUN]\n10:00:00  2 of 3 START te")
    progress.read("st unique_orders ..... [RUN]\n10:00:01  1 of 3 OK created sql table model main.customers .. [OK]\n")

    assert progress.summary() == "1 of 3: unique_orders"
    progress.read("\x1b[31m2 of 3 FAIL 3 unique_orders\x1b[0m .. [FAIL 3 in 1s]\n" + "x" * 10_000_000)
    assert progress.summary() == "2 of 3"


def test_a_terminal_gets_whole_lines_and_what_runs_below_them(capsys: pytest.CaptureFixture[str]) -> None:
    place = TerminalScreen()
    with place:
        place.begin("jaffle-nightly")
        place.show("1 of 3 START sql table model main.customers ..... [RUN]\nun", "running", "")
        assert "jaffle-nightly running 0:00 · 0 of 3: main.customers" in place._line().plain
        place.show("finished", "success", "")

    assert capsys.readouterr().out.startswith("1 of 3 START sql table model main.customers ..... [RUN]\nunfinished\n")
