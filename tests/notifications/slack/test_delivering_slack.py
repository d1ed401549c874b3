"""Slack gets each notification once, and a job's owner can see Slack's answers."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from jobs_api.logs import archive
from jobs_api.model.alert_targets import Event
from jobs_api.model.delivery import DeliveryStatus
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.model.results import ResultCounts
from jobs_api.model.run import Run, RunStatus
from jobs_api.model.run_events import with_events
from jobs_api.notifications import deliver
from jobs_api.notifications import queue as outbox
from jobs_api.notifications.slack import bot_token, log_excerpt
from jobs_api.notifications.slack import client as slack_module
from jobs_api.store import deliveries
from jobs_api.store.run_rows import RunRow
from tests.example_logs import LOGS
from tests.functions.people import NOON, new_organization
from tests.notifications.conftest import store_token
from tests.notifications.notification_world import SECOND, Queue, new_job, new_run, stored
from tests.notifications.receivers import answers, closes_half_way
from tests.notifications.slack.fake_slack import Slack

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def job(jaffle: Project, slack: Slack) -> Job:
    assert slack.posted == []
    return new_job(jaffle, slack_channel="#data", slack_alerts_enabled=True)[0]


def fail(queue: Queue, job: Job, project: Project, **values: object) -> str:
    run = new_run(job, project, RunStatus.FAILED, queue.clock.now, **values)
    return queue.queue_event(run, Event.FAILURE, "slack")


def succeed(queue: Queue, job: Job, project: Project) -> str:
    run = new_run(job, project, RunStatus.SUCCESS, queue.clock.now)
    return queue.queue_event(run, Event.SUCCESS, "slack")


def test_it_works(queue: Queue, job: Job, jaffle: Project, slack: Slack) -> None:
    delivery = fail(queue, job, jaffle)
    queue.deliver_due(until=MINUTE)

    [message] = slack.posted
    assert message["channel"] == "#data"
    assert message["text"] == "jaffle / nightly failed"
    assert message["by"] == "Bearer xoxb-alice"
    assert message["blocks"][0]["type"] == "header"
    assert (stored(delivery).status, stored(delivery).status_code) == (DeliveryStatus.DELIVERED, 200)
    assert stored(delivery).delivered_at == NOON + 5 * SECOND


def test_a_message_quotes_the_log_and_counts_the_streak(queue: Queue, job: Job, jaffle: Project, slack: Slack) -> None:
    new_run(job, jaffle, RunStatus.SUCCESS, NOON - 3 * HOUR)
    new_run(job, jaffle, RunStatus.FAILED, NOON - 2 * HOUR)
    new_run(job, jaffle, RunStatus.ERROR, NOON - 1 * HOUR)
    run = new_run(job, jaffle, RunStatus.FAILED)
    log, _ = archive.store_log(run, [(LOGS / "dbt_build_two_failures.log").read_bytes()])
    RunRow(run.id).update(actions=[RunRow.log.set(log.model_dump(mode="json"))])
    queue.queue_event(run, Event.FAILURE, "slack")
    queue.deliver_due(until=MINUTE)

    text = str(slack.posted[0]["blocks"])
    assert "model stg_orders" in text
    assert "no_such_column_here" in text
    assert "3 runs" in text
    assert "|2026-04-28 09:00 UTC>" in text


def test_a_job_that_fails_every_minute_for_an_hour_is_two_messages_at_most(
    queue: Queue, job: Job, jaffle: Project, slack: Slack
) -> None:
    folded = []
    for _ in range(60):
        folded.append(fail(queue, job, jaffle))
        queue.deliver_due(until=MINUTE)

    assert slack.texts == ["jaffle / nightly failed"]
    assert stored(folded[30]).status is DeliveryStatus.FOLDED
    assert stored(folded[30]).reason
    for _ in range(2):
        fail(queue, job, jaffle)
        queue.deliver_due(until=MINUTE)
    assert slack.texts == ["jaffle / nightly failed", "jaffle / nightly is still failing"]
    assert "6" in str(slack.posted[1]["blocks"])


def test_a_recovery_is_posted_once(queue: Queue, job: Job, jaffle: Project, slack: Slack) -> None:
    succeed(queue, job, jaffle)
    queue.deliver_due(until=MINUTE)
    fail(queue, job, jaffle)
    queue.deliver_due(until=MINUTE)
    for _ in range(3):
        succeed(queue, job, jaffle)
        queue.deliver_due(until=MINUTE)

    assert slack.texts == ["jaffle / nightly failed", "jaffle / nightly works again"]


def test_a_success_after_a_success_is_neither_posted_nor_recorded(
    queue: Queue, job: Job, jaffle: Project, slack: Slack
) -> None:
    delivery = succeed(queue, job, jaffle)
    queue.deliver_due(until=MINUTE)

    assert slack.texts == []
    with pytest.raises(AssertionError):
        stored(delivery)


def test_a_project_that_fails_at_once_is_one_message(queue: Queue, jaffle: Project, slack: Slack) -> None:
    jobs = [new_job(jaffle, f"load {n}", slack_channel="#data", slack_alerts_enabled=True)[0] for n in range(12)]
    made = [fail(queue, job, jaffle, error_message="dbt exited with code 1: connection refused") for job in jobs]
    queue.deliver_due(until=MINUTE)

    assert slack.texts == ["12 jobs of jaffle fail, for the same cause"]
    assert "load 11" in str(slack.posted[0]["blocks"])
    assert {stored(delivery).folded_into for delivery in made[1:]} == {made[0]}


def test_a_shared_message_has_each_different_error(queue: Queue, jaffle: Project, slack: Slack) -> None:
    for n in range(3):
        job, _ = new_job(jaffle, f"load {n}", slack_channel="#data", slack_alerts_enabled=True)
        fail(
            queue, job, jaffle, failure_cause="one", error_message=f"dbt exited with code 1: model {'aab'[n]}: no table"
        )
    queue.deliver_due(until=MINUTE)

    assert slack.texts == ["3 jobs of jaffle fail, for the same cause"]
    listed = str(slack.posted[0]["blocks"][1])
    assert listed.count("no table") == 1
    assert "dbt exited with code 1: model b: no table" in listed


def test_messages_that_come_many_times_and_late_are_posted_once(
    queue: Queue, job: Job, jaffle: Project, slack: Slack
) -> None:
    run = new_run(job, jaffle, RunStatus.FAILED)
    for _ in range(5):
        queue.queue_event(run, Event.FAILURE, "slack")
    queue.deliver_due(until=MINUTE)
    queue.queue_event(run, Event.FAILURE, "slack")
    queue.deliver_due(until=DAY)

    assert len(slack.posted) == 1


def test_slack_is_tried_again_while_it_is_down_or_busy(queue: Queue, job: Job, jaffle: Project, slack: Slack) -> None:
    slack.receiver.plans = [
        answers(503, b"<html>down</html>"),
        slack.says("ratelimited", 429, Retry_After="30"),
        closes_half_way,
        slack.says("internal_error"),
    ]
    delivery = fail(queue, job, jaffle)
    queue.deliver_due(until=DAY)

    assert stored(delivery).status is DeliveryStatus.DELIVERED
    assert stored(delivery).attempts == 5


def test_retry_after_is_waited_for(queue: Queue, job: Job, jaffle: Project, slack: Slack) -> None:
    slack.receiver.plans = [slack.says("ratelimited", 429, Retry_After="300")]
    delivery = fail(queue, job, jaffle)
    queue.deliver_due(until=MINUTE)

    assert stored(delivery).next_attempt_at == NOON + 305 * SECOND
    assert stored(delivery).error == "Slack says ratelimited"


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        ("channel_not_found", "no such channel"),
        ("not_in_channel", "/invite"),
        ("missing_scope", "chat:write"),
        ("token_revoked", "revoked"),
        ("invalid_blocks", "invalid_blocks"),
    ],
)
def test_an_error_that_only_a_person_can_repair_is_recorded_and_not_retried(
    queue: Queue, job: Job, jaffle: Project, slack: Slack, error: str, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "send_to_dead_letters", lambda _: pytest.fail("nobody need wake up for this"))
    slack.receiver.always = slack.says(error)
    delivery = fail(queue, job, jaffle)
    queue.deliver_due(until=DAY)

    assert stored(delivery).status is DeliveryStatus.FAILED
    assert advice in str(stored(delivery).error)
    assert len(slack.receiver.received) == 1


def test_once_the_token_is_repaired_the_channel_gets_current_failures_before_the_next_reminder(
    queue: Queue, job: Job, jaffle: Project, slack: Slack
) -> None:
    slack.receiver.always = slack.says("token_revoked")
    for _ in range(30):
        fail(queue, job, jaffle)
        queue.deliver_due(until=MINUTE)
    assert 3 <= len(slack.receiver.received) <= 7, "not each failure tries anew what only a person can mend"

    slack.receiver.received.clear()
    slack.receiver.always = slack.takes
    for _ in range(6):
        fail(queue, job, jaffle)
        queue.deliver_due(until=MINUTE)
    succeed(queue, job, jaffle)
    queue.deliver_due(until=MINUTE)

    assert slack.texts == ["jaffle / nightly is still failing", "jaffle / nightly works again"]


def test_an_organization_without_a_token_learns_what_is_missing(
    queue: Queue, jaffle: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_API_URL", "http://127.0.0.1:9/api/")
    job, _ = new_job(jaffle, slack_channel="#data", slack_alerts_enabled=True)
    delivery = fail(queue, job, jaffle)
    queue.deliver_due(until=DAY)

    assert stored(delivery).status is DeliveryStatus.FAILED
    assert "jobsctl organization slack-token" in str(stored(delivery).error)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The secrets that are read from here on."""
    bot_token._tokens.clear()
    read: list[str] = []
    real = bot_token._secrets()

    class Noting:
        def get_secret_value(self, *, SecretId: str) -> object:  # noqa: N803 - AWS's name
            read.append(SecretId)
            return real.get_secret_value(SecretId=SecretId)

    monkeypatch.setattr(bot_token, "_secrets", Noting)
    return read


def test_a_token_is_read_once_in_five_minutes_however_many_ask_at_once(
    job: Job, slack: Slack, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadPoolExecutor(8) as senders:
        list(senders.map(lambda _: slack_module.post(job.organization_id, "#data", {"text": "hi"}), range(8)))
    assert (len(slack.posted), len(reads)) == (8, 1)

    # Lambda freezes the process, and the monotonic clock stops too.
    wall = time.time
    monkeypatch.setattr(time, "time", lambda: wall() + bot_token.TOKEN_SECONDS)
    slack_module.post(job.organization_id, "#data", {"text": "hi"})
    assert len(reads) == 2


def test_a_token_that_was_stored_a_moment_ago_is_used_at_once(slack: Slack) -> None:
    organization = new_organization("late")
    with pytest.raises(slack_module.SlackFailed, match="has no Slack token"):
        slack_module.post(organization.id, "#data", {"text": "hi"})
    store_token(organization.id, "xoxb-late")

    assert slack_module.post(organization.id, "#data", {"text": "hi"}) == 200
    assert slack.posted[0]["by"] == "Bearer xoxb-late"


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry_After": "9" * 5000},
        {"Retry_After": "Fri, 31 Dec 9999 23:59:59 -2300"},
        {"Retry_After": "soon"},
        {"Content_Type": "application/json; charset=nonesuch"},
    ],
)
def test_an_answer_of_slacks_that_makes_no_sense_is_tried_again_within_a_day(
    job: Job, slack: Slack, headers: dict[str, str]
) -> None:
    slack.receiver.always = answers(429, b'{"ok": false, "error": "ratelimited"}', **headers)

    with pytest.raises(slack_module.SlackFailed) as failed:
        slack_module.post(job.organization_id, "#data", {"text": "hi"})

    assert not failed.value.permanent
    assert (failed.value.retry_after or timedelta(0)) <= DAY


class Killed(BaseException):
    """The function ran out of time or memory: nothing after that is done."""


def killed(*_: object) -> None:
    raise Killed


def with_log(run: Run) -> Run:
    log, _ = archive.store_log(run, [(LOGS / "dbt_build_two_failures.log").read_bytes()])
    RunRow(run.id).update(actions=[RunRow.log.set(log.model_dump(mode="json"))])
    return run


def test_a_log_that_kills_its_reader_is_not_quoted_the_second_time(
    queue: Queue, job: Job, jaffle: Project, slack: Slack, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = with_log(new_run(job, jaffle, RunStatus.FAILED))
    delivery = queue.queue_event(run, Event.FAILURE, "slack")
    message = queue.messages[0]
    monkeypatch.setattr(log_excerpt, "excerpt_in_time", killed)
    with pytest.raises(Killed):
        queue.deliver_due(until=MINUTE)
    queue.messages = [message]
    queue.deliver_due(until=10 * MINUTE)

    assert stored(delivery).status is DeliveryStatus.DELIVERED
    assert (stored(delivery).attempts, stored(delivery).cut_off) == (2, 0)
    assert len(slack.posted) == 1


def test_a_message_that_kills_each_sender_is_a_dead_letter_after_a_few(
    queue: Queue, job: Job, jaffle: Project, slack: Slack, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery = fail(queue, job, jaffle)
    message, aside = queue.messages[0], list[outbox.QueueMessage]()
    monkeypatch.setattr(slack_module, "post", killed)
    monkeypatch.setattr(outbox, "send_to_dead_letters", aside.append)
    for _ in range(deliver.MOST_CUT_OFF):
        queue.messages = [message]
        with pytest.raises(Killed):
            queue.deliver_due(until=10 * MINUTE)
        queue.clock.now += 6 * MINUTE
    queue.messages = [message]
    queue.deliver_due(until=MINUTE)

    assert stored(delivery).status is DeliveryStatus.FAILED
    assert "died while it was sending" in (stored(delivery).error or "")
    assert aside == [message[1]]
    assert queue.messages == []
    assert slack.posted == []


def test_frequent_failures_and_occasional_kills_do_not_make_a_dead_letter(
    queue: Queue, job: Job, jaffle: Project, slack: Slack, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery = fail(queue, job, jaffle)
    message = queue.messages[0]
    slack.receiver.plans = [answers(503)] * 8
    for _ in range(deliver.MOST_CUT_OFF):
        queue.messages = [message]
        with monkeypatch.context() as during:
            during.setattr(slack_module, "post", killed)
            with pytest.raises(Killed):
                queue.deliver_due(until=HOUR)
        queue.messages = [message]
        queue.clock.now += 6 * MINUTE
        queue.deliver_due()
    queue.messages = [message]
    # The longest pauses that can be drawn are 18 hours together.
    queue.deliver_due(until=DAY)

    assert stored(delivery).status is DeliveryStatus.DELIVERED


def test_a_log_that_takes_too_long_to_be_read_is_not_waited_for(
    queue: Queue, job: Job, jaffle: Project, slack: Slack, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = threading.Event()
    monkeypatch.setattr(log_excerpt, "EXCERPT_SECONDS", 0.05)
    monkeypatch.setattr(log_excerpt, "_excerpt", lambda _: done.wait(20))
    fail(queue, job, jaffle)
    queue.deliver_due(until=MINUTE)
    done.set()

    assert len(slack.posted) == 1


def test_a_sender_that_is_killed_after_it_posted_posts_again_only_after_its_claim(
    queue: Queue, job: Job, jaffle: Project, slack: Slack, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery = fail(queue, job, jaffle)
    message = queue.messages[0]
    with monkeypatch.context() as during:
        during.setattr(deliveries, "record_result", killed)
        with pytest.raises(Killed):
            queue.deliver_due(until=MINUTE)
    queue.messages = [message]
    queue.deliver_due(until=deliver.LEASE - SECOND)
    assert len(slack.posted) == 1
    queue.deliver_due(until=MINUTE)

    assert slack.texts == ["jaffle / nightly failed"] * 2
    assert stored(delivery).status is DeliveryStatus.DELIVERED


def test_a_success_is_posted_only_where_it_was_requested(queue: Queue, jaffle: Project, slack: Slack) -> None:
    job, _ = new_job(jaffle, slack_channel="#data", slack_alert_on_success=True)
    succeed(queue, job, jaffle)
    queue.deliver_due(until=MINUTE)

    assert slack.texts == ["jaffle / nightly succeeded"]


def test_a_success_with_warnings_is_posted_where_warnings_were_requested(
    queue: Queue, jaffle: Project, slack: Slack
) -> None:
    job, _ = new_job(jaffle, slack_channel="#data", slack_alert_on_warning=True)
    warnings = "2 warnings: test not_null_orders_id and source erp.orders"
    warned = new_run(job, jaffle, RunStatus.SUCCESS, message=warnings, results=ResultCounts(success=8, warn=2))
    clean = new_run(job, jaffle, RunStatus.SUCCESS, results=ResultCounts(success=10))
    queue.queue_event(warned, Event.SUCCESS, "slack")
    queue.queue_event(clean, Event.SUCCESS, "slack")
    queue.deliver_due(until=MINUTE)

    assert slack.texts == ["jaffle / nightly succeeded with 2 warnings"]
    assert warnings in str(slack.posted[0]["blocks"])


def test_a_failure_is_not_posted_where_only_warnings_were_requested(jaffle: Project) -> None:
    job, _ = new_job(jaffle, slack_channel="#data", slack_alert_on_warning=True)
    before = new_run(job, jaffle, RunStatus.RUNNING)
    ends = {"end_time": NOON, "results": ResultCounts(warn=1, failed=1)}

    def told(status: RunStatus, **values: Any) -> list[Event]:
        return with_events(before, before.model_copy(update={"status": status, **ends, **values})).notify

    assert told(RunStatus.FAILED) == []
    assert told(RunStatus.SUCCESS, results=ResultCounts(success=3)) == []
    assert told(RunStatus.SUCCESS) == [Event.SUCCESS]


def test_secrets_of_the_jobs_environment_are_masked(queue: Queue, jaffle: Project, slack: Slack) -> None:
    job, _ = new_job(
        jaffle, slack_channel="#data", slack_alerts_enabled=True, environment={"DB_PASSWORD": "correct-horse"}
    )
    fail(queue, job, jaffle, error_message="dbt exited with code 1: cannot log in with correct-horse")
    queue.deliver_due(until=MINUTE)

    assert "correct-horse" not in str(slack.posted[0])
    assert "cannot log in with ***" in str(slack.posted[0])


def test_a_late_message_about_a_failure_says_that_the_job_has_succeeded_since(
    queue: Queue, job: Job, jaffle: Project, slack: Slack
) -> None:
    failed: Run = new_run(job, jaffle, RunStatus.FAILED, NOON - MINUTE)
    succeed(queue, job, jaffle)
    queue.deliver_due()
    queue.queue_event(failed, Event.FAILURE, "slack")
    queue.deliver_due(until=MINUTE)

    assert slack.texts == ["jaffle / nightly failed"]
    assert "It has succeeded since" in str(slack.posted[0]["blocks"])
