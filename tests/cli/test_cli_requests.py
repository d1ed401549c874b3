"""Requests over a network that fails: asked again where that is safe, done once, and given up with a reason."""

import socket

import pytest

from tests.cli.conftest import TOKEN, Jobs, Server

STARTED = {"job_run_id": "run_1", "job_name": "jaffle-nightly-20260428-120000", "status": "pending", "message": "ok"}
TRIGGER = "POST /projects/proj_1/jobs/job_1/trigger"


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_request_is_repeated_after_the_time_that_retry_after_says(
    server: Server, jobs: Jobs, slept: list[float], status: int
) -> None:
    server.on(TRIGGER, {"message": "later", "code": "x"}, status, Retry_After="3")
    server.on(TRIGGER, STARTED, 202)

    assert jobs("trigger", "nightly-refresh").code == 0
    assert slept == [3]
    keys = [asked.headers["Idempotency-Key"] for asked in server.asked if asked.method == "POST"]
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_a_repeated_request_waits_for_the_answer_of_the_first(server: Server, jobs: Jobs, slept: list[float]) -> None:
    server.on(TRIGGER, {"message": "in progress", "code": "conflict"}, 409, Retry_After="1")
    server.on(TRIGGER, STARTED, 202)

    assert jobs("trigger", "nightly-refresh", "--json").json == STARTED
    assert slept == [1]


def test_following_a_log_continues_after_a_server_error(server: Server, jobs: Jobs, slept: list[float]) -> None:
    server.on("GET /runs/run_1/logs", {"message": "Something went wrong", "code": "internal_error"}, 500)
    server.on("GET /runs/run_1/logs", {"logs": "one\n", "status": "success", "done": True})

    assert jobs("logs", "-f", "run_1").out == "one\n"
    assert len(slept) == 1


def test_any_other_409_is_not_repeated(server: Server, jobs: Jobs, slept: list[float]) -> None:
    server.on(TRIGGER, {"message": "Run run_0 is running", "code": "run_in_progress"}, 409)

    assert jobs("trigger", "nightly-refresh", "--on-overlap", "skip").err == "jobs: Run run_0 is running\n"
    assert slept == []


def test_a_server_that_is_away_ends_the_command_with_its_own_code(
    jobs: Jobs, slept: list[float], monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("JOBS_API_URL", f"http://127.0.0.1:{port}")

    ended = jobs("list")

    assert ended.code == 69
    assert "cannot be reached" in ended.err
    assert TOKEN not in ended.err
    assert slept
    assert not server.asked


def test_an_address_where_another_program_answers_is_reported(server: Server, jobs: Jobs) -> None:
    server.answers["GET /projects"] = [(200, b"<html>hello</html>", {})]
    assert "without the JSON of a Jobs API" in jobs("list").err

    server.answers["GET /projects"] = [(302, b"", {"Location": "https://login.example.com"})]
    assert "leads to https://login.example.com" in jobs("list").err


def test_a_token_never_follows_a_redirect(server: Server, jobs: Jobs) -> None:
    server.answers["GET /projects"] = [(307, b"", {"Location": f"{server.url}/api/v1/elsewhere"})]

    assert jobs("list").code == 1
    assert server.calls() == ["GET /projects"]


@pytest.mark.parametrize(("first", "code"), [(504, 0), (429, 1), (404, 1)])
def test_a_deletion_whose_answer_was_lost_is_no_error(
    server: Server, jobs: Jobs, slept: list[float], first: int, code: int
) -> None:
    unknown = {"message": "There is no such job in this project", "code": "not_found"}
    server.on("DELETE /projects/proj_1/jobs/job_1", unknown if first == 404 else b"", first)
    server.on("DELETE /projects/proj_1/jobs/job_1", unknown, 404)

    ended = jobs("delete", "nightly-refresh", "--yes")

    assert ended.code == code, ended.err
    assert len(slept) == (0 if first == 404 else 1)
