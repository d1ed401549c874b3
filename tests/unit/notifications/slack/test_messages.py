"""A Slack message has what a person needs, within Slack's limits, and no text of others can add markup to it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_api.logs.excerpt import Excerpt, Failure, excerpt
from jobs_api.model.run import Run, RunStatus, Streak, TriggeredBy
from jobs_api.notifications.slack.alert_decision import AlertKind
from jobs_api.notifications.slack.blocks import escaped
from jobs_api.notifications.slack.memory import Member
from jobs_api.notifications.slack.message import MessageFacts, message
from jobs_api.notifications.slack.message import test_message as a_test_message
from jobs_api.notifications.slack.wording import spoken
from tests.example_logs import LOGS

NOON = datetime(2026, 4, 28, 12, 0, tzinfo=UTC)


def a_run(**values: Any) -> Run:
    return Run(
        **{
            "id": "run_1",
            "organization_id": "org-acme",
            "project_id": "proj_1",
            "job_id": "job_1",
            "job_name": "jaffle-nightly-1",
            "cronjob_name": "jaffle-nightly",
            "namespace": "org-acme",
            "job_type": "build",
            "status": RunStatus.FAILED,
            "triggered_by": TriggeredBy.SCHEDULED,
            "command": "dbt build",
            "start_time": NOON,
            "end_time": NOON + timedelta(seconds=754),
            "duration_seconds": 754.1,
            "exit_code": 1,
            "error_message": "dbt exited with code 1",
            "created_at": NOON,
            "updated_at": NOON,
            **values,
        }
    )


def facts(kind: AlertKind = AlertKind.FAILING, **values: Any) -> MessageFacts:
    return MessageFacts(**{"kind": kind, "project_name": "jaffle", "job_name": "nightly", "run": a_run(), **values})


def shown(written: dict[str, Any]) -> str:
    """All text of a message."""
    return json.dumps(written, ensure_ascii=False)


def header(written: dict[str, Any]) -> str:
    text: str = written["blocks"][0]["text"]["text"]
    return text


def test_a_failure_says_what_a_person_needs() -> None:
    log = (LOGS / "dbt_build_two_failures.log").read_text()
    streak = Streak(failures=2, since=NOON, succeeded_at=NOON - timedelta(hours=3))

    written = message(facts(excerpt=excerpt(log), streak=streak))

    assert header(written) == "jaffle / nightly failed"
    assert written["text"] == "jaffle / nightly failed"
    for text in (
        "failed",
        "12 min 34 s",
        "its schedule",
        "3 runs",
        "|2026-04-28 09:00 UTC>",
        "`model stg_orders`",
        "no_such_column_here",
        "`test no_negative`",
        "run_1",
        "dbt build",
    ):
        assert text in shown(written), text


@pytest.mark.parametrize(
    ("values", "title"),
    [
        ({"kind": AlertKind.FAILING, "run": a_run(status=RunStatus.ERROR)}, "jaffle / nightly could not run"),
        ({"kind": AlertKind.FAILING, "run": a_run(attempt=3)}, "jaffle / nightly failed after 3 attempts"),
        (
            {"kind": AlertKind.FAILING, "run": a_run(status=RunStatus.ERROR, attempt=2)},
            "jaffle / nightly could not run, attempt 2",
        ),
        ({"kind": AlertKind.REMINDER}, "jaffle / nightly is still failing"),
        ({"kind": AlertKind.RECOVERED, "run": a_run(status=RunStatus.SUCCESS)}, "jaffle / nightly works again"),
        ({"kind": AlertKind.SUCCESS, "run": a_run(status=RunStatus.SUCCESS)}, "jaffle / nightly succeeded"),
    ],
)
def test_the_title_says_what_happened(values: dict[str, Any], title: str) -> None:
    assert header(message(facts(**values))) == title


def test_a_run_that_could_not_start_is_reported_with_its_error() -> None:
    run = a_run(status=RunStatus.ERROR, exit_code=None, error_message="The image x could not be pulled")

    assert "The image x could not be pulled" in shown(message(facts(run=run)))


@pytest.mark.parametrize("kind", [AlertKind.FAILING, AlertKind.REMINDER, AlertKind.SUCCESS, AlertKind.RECOVERED])
def test_a_run_that_was_tried_again_says_how_often_and_what_began_it(kind: AlertKind) -> None:
    retried = {"attempt": 3, "retry_of": "run_0", "triggered_by": "retry", "first_triggered_by": "scheduled"}

    text = shown(message(facts(kind, run=a_run(**retried))))

    assert "*Attempts*\\n3" in text
    assert "its schedule" in text


def test_a_recovery_says_how_long_it_was_down() -> None:
    written = message(
        facts(AlertKind.RECOVERED, run=a_run(status=RunStatus.SUCCESS), streak=Streak(failures=3, since=NOON))
    )

    assert "3 runs, since" in shown(written)


def test_jobs_that_fail_together_are_a_list() -> None:
    members = [Member(job_id=f"job_{n}", job_name=f"load {n}", run_id=f"run_{n}") for n in range(30)]
    members[1] = members[1].model_copy(update={"recovered": True})
    members[2] = members[2].model_copy(update={"attempts": 3})

    written = message(facts(members=members, more=5))

    assert header(written) == "35 jobs of jaffle fail, for the same cause"
    assert "`load 0`, run `run_0`" in shown(written)
    assert "`load 1` (has succeeded since)" in shown(written)
    assert "`load 10` (3 attempts)" not in shown(written)
    assert "`load 2` (3 attempts), run `run_2`" in shown(written)
    assert "… and 15 more" in shown(written)


def test_with_many_failures_a_few_are_shown_and_all_are_counted() -> None:
    told = Excerpt([Failure(f"test t{n}", "Got 1 result") for n in range(20)], "", count=25)

    written = message(facts(excerpt=told))

    assert "`test t4`" in shown(written)
    assert "… and 20 more" in shown(written)


def test_jobs_on_a_list_say_their_own_error_where_it_is_another() -> None:
    errors = [
        "dbt exited with code 1: model a: no table orders_2024",
        "dbt exited with code 1: model a: no table orders_2024",
        "dbt exited with code 1: model a: no table orders_2025 for password=hunter2hunter2",
    ]
    members = [Member(job_id=f"job_{n}", job_name=f"load {n}", run_id=f"run_{n}", said=errors[n]) for n in range(3)]

    written = shown(message(facts(members=members, run=a_run(id="run_0", error_message=errors[0]))))

    assert written.count("orders_2024") == 1
    assert "orders_2025" in written
    assert "hunter2" not in written


def test_a_run_that_was_ended_from_outside_says_what_was_running_and_how_its_log_ends() -> None:
    run = a_run(status=RunStatus.ERROR, exit_code=137, error_message="The container used more memory than its limit")
    told = excerpt(
        "02:00:01  1 of 3 START sql table model main.orders ............... [RUN]\n"
        "02:00:01  2 of 3 START sql table model main.customers ............ [RUN]\n"
        "02:00:09  1 of 3 OK created sql table model main.orders .......... [OK in 8.00s]\n"
    )

    written = shown(message(facts(run=run, excerpt=told)))

    assert "more memory than its limit" in written
    assert "Running when it was ended: model customers" in written
    assert "OK created sql table model main.orders" in written


@pytest.mark.parametrize("kind", [AlertKind.SUCCESS, AlertKind.RECOVERED])
def test_a_success_with_warnings_says_so(kind: AlertKind) -> None:
    run = a_run(status=RunStatus.SUCCESS, message="1 warning: test not_null_orders_id; 2 skipped")

    assert "1 warning: test not_null_orders_id; 2 skipped" in shown(message(facts(kind, run=run)))


def test_names_and_logs_cannot_mention_anybody_or_link_anywhere() -> None:
    evil = "<!channel> <https://evil.example|click> & `code`"
    told = Excerpt([Failure(evil, f"```\n{evil}")], "")

    written = message(facts(project_name=evil, job_name=evil, run=a_run(command=f"dbt run {evil}"), excerpt=told))

    for block in written["blocks"][1:]:
        assert "<!channel" not in shown(block)
        assert "<https:" not in shown(block)
    assert "<!channel" not in written["text"]
    quoted = written["blocks"][-2]["text"]["text"]
    assert quoted.count("```") == 2


def test_secrets_in_a_log_are_masked() -> None:
    told = Excerpt([], "could not connect to postgres://bob:hunter2@db; tried correct-horse")

    written = shown(message(facts(excerpt=told, secrets=["correct-horse"])))

    assert "hunter2" not in written
    assert "correct-horse" not in written
    assert "postgres://bob:***@db" in written


def test_a_secret_is_masked_before_the_text_is_cut() -> None:
    told = Excerpt([], "x" * 1985 + " password=hunter2hunter2hunter2")

    assert "hunter2" not in shown(message(facts(excerpt=told)))


@given(
    name=st.text(max_size=300),
    text=st.text(max_size=6000),
    count=st.integers(0, 40),
    kind=st.sampled_from(AlertKind),
    many=st.integers(0, 60),
)
def test_a_message_is_always_within_slacks_limits(name: str, text: str, count: int, kind: AlertKind, many: int) -> None:
    """https://docs.slack.dev/reference/block-kit/blocks."""
    members = [Member(job_id="j", job_name=name, run_id="run_1")] * many
    told = Excerpt([Failure(name, text)] * count, "" if count else text)
    run = a_run(command=text or None, error_message=text or None)

    written = message(facts(kind, project_name=name, job_name=name, run=run, excerpt=told, members=members))

    assert 1 <= len(written["blocks"]) <= 50
    assert len(written["text"]) <= 300
    for block in written["blocks"]:
        match block["type"]:
            case "header":
                assert 1 <= len(block["text"]["text"]) <= 150
            case "section" if "text" in block:
                assert 1 <= len(block["text"]["text"]) <= 3000
            case "section":
                assert 1 <= len(block["fields"]) <= 10
                assert all(len(entry["text"]) <= 2000 for entry in block["fields"])
            case "context":
                assert all(1 <= len(element["text"]) <= 3000 for element in block["elements"])
            case other:
                raise AssertionError(other)


@given(st.text(), st.integers(1, 50))
def test_no_entity_is_cut_in_two(text: str, limit: int) -> None:
    written = escaped(text, limit)

    assert len(written) <= limit
    assert all(rest.startswith(("amp;", "lt;", "gt;")) for rest in written.split("&")[1:])


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0.4 s"), (59.4, "59.4 s"), (754.1, "12 min 34 s"), (7322, "2 h 2 min")]
)
def test_durations_are_written_as_people_do(seconds: float, text: str) -> None:
    assert spoken(seconds) == text


def test_a_test_message_says_that_it_is_a_test() -> None:
    assert "This is a test" in a_test_message("jaffle", "nightly")["text"]


@pytest.mark.parametrize(
    "name", ["*bold* _it_ ~no~ `code`", "<!channel> <@U123> <https://x.example|here>", ":tada: a&b"]
)
def test_a_name_in_a_test_message_is_shown_and_never_obeyed(name: str) -> None:
    written = a_test_message(name, name)

    assert [block["text"]["type"] for block in written["blocks"]] == ["plain_text"]
    assert written["blocks"][0]["text"]["text"].count(name) == 2
    assert written["blocks"][0]["text"]["emoji"] is False
    assert "<" not in written["text"]
    assert written["mrkdwn"] is False


def test_a_run_is_a_link_to_its_page() -> None:
    page = "https://jobs.example.com/dev/console#/runs/{}".format
    members = [Member(job_id=f"job_{number}", run_id=f"run_{number}", job_name=f"job {number}") for number in (1, 2)]

    alone, several = message(facts(run_page=page)), message(facts(run_page=page, members=members))

    assert f"<{page(a_run().id)}|{a_run().id}>" in shown(alone)
    assert [f"<{page(one.run_id)}|{one.run_id}>" in shown(several) for one in members] == [True, True]


def test_without_an_address_a_run_is_named_and_not_linked() -> None:
    assert f"Run `{a_run().id}`" in shown(message(facts()))


def test_an_address_cannot_end_its_link() -> None:
    written = shown(message(facts(run_page=lambda run_id: f"https://x.example/?a&b<!channel>{run_id}")))

    assert "<!channel>" not in written
    assert "?a&amp;b&lt;!channel&gt;" in written
