"""docs/notifications.md shows what is really sent, verifies it as it says, and names the numbers of the code."""

import base64
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from jobs_api.model.alert_targets import Event
from jobs_api.model.run import JobRun, Run, RunStatus
from jobs_api.notifications import backoff
from jobs_api.notifications.slack import gathering, grouping, message
from jobs_api.notifications.webhook import http, payload, sending
from jobs_api.notifications.webhook.payload import WebhookType
from jobs_api.store import receivers
from tests.unit.model.test_due import a_run, alerts

PAGE = (Path(__file__).parents[2] / "docs" / "notifications.md").read_text()
KEY = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def documented(kind: str = "run.failure") -> Any:
    [body] = [body for body in map(json.loads, blocks("json")) if body["type"] == kind]
    return body


def sent(run: Run, event: Event = Event.FAILURE) -> Any:
    told = alerts().model_copy(
        update={
            "project_name": documented()["data"]["project"]["name"],
            "job_name": documented()["data"]["job"]["name"],
        }
    )
    return json.loads(payload.body_of(run, event, told))


def test_the_body_in_the_page_is_what_is_sent_of_its_run() -> None:
    shown = documented()["data"]["run"]
    run = a_run(RunStatus.FAILED).model_copy(update=dict(JobRun.model_validate(shown)))

    assert sent(run) == documented()


@pytest.mark.parametrize("now", [RunStatus.RUNNING, RunStatus.SUCCESS])
def test_the_body_of_a_late_run_in_the_page_is_what_is_sent_before_and_after_its_end(now: RunStatus) -> None:
    shown = documented("run.late")
    run = a_run(now).model_copy(update={**dict(JobRun.model_validate(shown["data"]["run"])), "status": now})
    later = {"late_status": RunStatus.RUNNING, "updated_at": datetime(2026, 4, 28, 7, tzinfo=UTC)}

    assert sent(run.model_copy(update=later), Event.LATE) == shown


def test_it_shows_every_field_that_a_run_can_have() -> None:
    # A failed run has an `error_message`; only a success or a killed run has a `message`.
    cancelled = {"cancel_requested_at", "cancel_reason", "cancelled_by"}
    # A scheduled run was not triggered with a token, and it is not a retry.
    asked = {"triggered_by_token", *cancelled, "attempt", "retry_of", "retried_as", "launch_after"}
    asked |= {"caused_by", "skipped", "environment", "cause", "git_sha"}
    asked |= {"expected_by", "expected_minutes", "late_at", "long_at"} & documented("run.late")["data"]["run"].keys()
    assert documented()["data"]["run"].keys() == JobRun.model_fields.keys() - {"message", *asked}
    assert documented()["version"] == payload.PAYLOAD_VERSION


def test_it_names_every_type() -> None:
    [row] = [line for line in PAGE.splitlines() if line.startswith("| `type` |")]

    assert set(re.findall(r"`([a-z.]+)`", row)) - {"type"} == set(TypeAdapter(WebhookType).json_schema()["enum"])


@pytest.mark.parametrize("code", blocks("python"), ids=["with the library", "by hand"])
def test_a_receiver_that_copies_the_code_takes_what_is_signed_and_nothing_else(code: str) -> None:
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - it is what a reader would run
    receive = next(value for name, value in names.items() if name.startswith("receive"))
    body = json.dumps(documented()).encode()
    now = datetime.now(UTC)
    other = f"whsec_{base64.b64encode(bytes(32)).decode()}"

    assert receive(KEY, payload.headers("dlv_1", body, [other, KEY], now), body) == documented()
    for headers, changed in (
        (payload.headers("dlv_1", body, [other], now), body),
        (payload.headers("dlv_1", body, [KEY], now), body + b" "),
        (payload.headers("dlv_1", body, [KEY], now) | {"webhook-id": "dlv_2"}, body),
        (payload.headers("dlv_1", body, [KEY], datetime(2020, 1, 1, tzinfo=UTC)), body),
    ):
        with pytest.raises(Exception, match=r"signature|secret|old"):
            receive(KEY, headers, changed)


def test_its_numbers_are_the_codes() -> None:
    told = " ".join(PAGE.split())
    for fact in (
        f"first {grouping.FIRST_REMINDER.seconds // 3600} hour after",
        f"up to once in {grouping.LONGEST_REMINDER.total_seconds() / 3600:.0f} hours",
        f"waits {gathering.GATHER_FOR.seconds} seconds for the others",
        f"in the next {gathering.WINDOW.seconds // 60} minutes",
        f"at most {message.MOST_JOBS_SHOWN} lines",
        f"{grouping.MOST_CHANGES} times within {grouping.FLAPPING.seconds // 3600} hour",
        f"still fails {grouping.TRY_AFTER.seconds // 60} minutes later",
        f"tried again for {backoff.GIVE_UP_AFTER.total_seconds() / 3600:.0f} hours",
        f"a random part of {backoff.FIRST.seconds} seconds, then of {2 * backoff.FIRST.seconds}",
        f"up to {backoff.LONGEST_PAUSE.seconds // 3600} hours; some",
        f"within {http.TIMEOUT_SECONDS:.0f} seconds counts",
        f"over {sending.SLOW.seconds} seconds, one webhook at a time",
        f"left alone for {receivers.FIRST_QUIET.seconds} seconds",
        f"up to {receivers.LONGEST_QUIET.seconds // 60} minutes",
    ):
        assert fact in told
