"""Handlers run side by side as in Lambda: no invocation sees data of another."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from local.functions import Function, HandlerFailed
from local.template import FunctionSpec

HANDLERS = Path(__file__).parent / "handlers"


def function(code: str, **changes: Any) -> Function:
    settings: dict[str, Any] = {
        "logical_id": code,
        "name": code,
        "arn": f"arn:aws:lambda:us-east-1:123456789012:function:{code}",
        "code": HANDLERS / code,
        "handler": "app.lambda_handler",
        "timeout_seconds": 3.0,
        "memory_mb": 128,
        "environment": {},
        "reserved_concurrency": None,
        "dead_letter_arn": None,
    }
    return Function(FunctionSpec(**{**settings, **changes}))


def request(name: str) -> dict[str, Any]:
    return {
        "httpMethod": "GET",
        "path": f"/slow/{name}",
        "headers": {},
        "multiValueHeaders": {},
        "body": None,
        "requestContext": {"stage": "x", "path": f"/slow/{name}", "authorizer": {"name": name}},
    }


def test_concurrent_requests_do_not_see_each_other() -> None:
    api, other = function("api"), function("api", name="other")

    def ask(number: int) -> None:
        name = f"caller-{number}"
        answer = (api if number % 2 else other).invoke(request(name), request_id=name)
        told = json.loads(answer["body"])
        assert told["name"] == told["caller"] == told["request_id"] == told["keys"]["name"] == name
        assert told["paths"] == [f"/slow/{name}"] * 2

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(ask, range(48)))


def test_log_keys_of_an_invocation_end_with_it() -> None:
    api = function("api")
    api.invoke(request("first"))

    assert json.loads(api.invoke(request("second"))["body"])["keys"]["name"] == "second"
    assert "name" not in _formatter_keys()


def _formatter_keys() -> dict[str, Any]:
    from aws_lambda_powertools import Logger  # noqa: PLC0415

    return Logger(service="laptop-tests").get_current_keys()


def test_a_warm_environment_is_used_again() -> None:
    authorize = function("authorize")
    event = {"authorizationToken": "Bearer alice", "methodArn": "arn/x"}

    assert [authorize.invoke(event)["context"]["asked"] for _ in range(3)] == [1, 2, 3]


def test_a_function_runs_no_more_events_at_a_time_than_it_may() -> None:
    echo = function("echo", reserved_concurrency=1)
    started = threading.Barrier(4)

    def sleep(_: int) -> int:
        started.wait()
        left = json.loads(echo.invoke({"body": None})["body"])["left"]
        echo.invoke({"body": '{"sleep": 0.05}'})
        return int(left)

    with ThreadPoolExecutor(4) as threads:
        assert all(2000 < left <= 3000 for left in threads.map(sleep, range(4)))
    assert len(echo._warm) == 1


def test_an_event_is_the_handlers_own_copy() -> None:
    event: dict[str, Any] = {"body": None, "numbers": (1, 2)}

    told = json.loads(function("echo").invoke(event)["body"])

    assert told["event"]["numbers"] == [1, 2]
    assert event["numbers"] == (1, 2)


def test_a_failure_is_returned_with_its_type_and_logged(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(HandlerFailed) as failed:
        function("echo").invoke({"body": '{"raise": "oh"}'}, request_id="r-1")

    assert (failed.value.error_type, failed.value.message) == ("ValueError", "oh")
    assert "[ERROR] echo r-1\nTraceback" in capsys.readouterr().out


def test_a_handler_that_cannot_be_imported_is_a_failure() -> None:
    with pytest.raises(HandlerFailed, match=r"Runtime\.ImportModuleError"):
        function("nothing").invoke({})


def test_an_answer_of_500_says_what_kept_the_store_from_writing() -> None:
    full = function("full")

    told = [json.loads(full.invoke({"status": status})["body"]) for status in (500, 503, 200)]

    assert [each["message"] for each in told] == ["Nothing was written. Make room", *["Something went wrong"] * 2]
    assert told[0]["code"] == "internal_error"
