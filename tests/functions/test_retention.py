"""How long runs and their logs are kept: what a user sees before, at and after their expiry."""

import os
from datetime import datetime, timedelta
from typing import Any, Final

import botocore.session
import pytest
from samtranslator.yaml_helper import yaml_parse

from jobs_api import store
from jobs_api.ingest import giving_up, missed_slot
from jobs_api.ingest.missed_slot import SlotFacts
from jobs_api.k8s import pod_template
from jobs_api.logs import archive
from jobs_api.model.alert_targets import Event
from jobs_api.model.delivery import DeliveryStatus, new_delivery
from jobs_api.model.job import Job
from jobs_api.model.periods import Firing
from jobs_api.model.project import DAY, Project, ProjectSettings
from jobs_api.model.run import LONGEST_OPEN, Run, RunStatus
from jobs_api.model.slots import Slot
from jobs_api.store import deliveries
from jobs_api.store.run_rows import RunRow
from jobs_api.trigger import waiting
from tests.functions.acme import Acme
from tests.functions.people import NOON, ROOT, Person
from tests.functions.test_runs import a_run, pages
from tests.notifications.notification_world import Queue, new_job, new_run

KEPT: Final = timedelta(days=400)
SECOND: Final = timedelta(seconds=1)


@pytest.fixture
def job(jaffle: Project) -> Job:
    return new_job(jaffle, slack_channel="#data", slack_alerts_enabled=True)[0]


def ended(project: Project, at: datetime = NOON, **values: Any) -> Run:
    """Write a run that ended, with its log."""
    run = a_run(project, at, status=RunStatus.SUCCESS, end_time=at)
    log, _ = archive.store_log(run, [b"done\n"])
    RunRow(run.id).update(actions=[RunRow.log.set(log.model_dump(mode="json"))])
    return run.model_copy(update={"log": log, **values})


def expiry_of(run_id: str) -> datetime:
    """Return when DynamoDB may remove a run."""
    row = RunRow.get(run_id)
    assert row.expires_at is not None
    return datetime.fromtimestamp(int(row.expires_at), tz=NOON.tzinfo)


def test_a_run_and_its_log_are_there_to_the_last_second(alice: Person, jaffle: Project) -> None:
    run = ended(jaffle)
    last = NOON + KEPT - SECOND

    assert alice.call("GET", f"/api/v1/runs/{run.id}", at=last).status == 200
    assert alice.call("GET", f"/api/v1/runs/{run.id}/logs", at=last).json["logs"] == "done\n"
    assert len(alice.call("GET", f"/api/v1/projects/{jaffle.id}/runs", at=last).json["runs"]) == 1


def test_an_expired_run_is_hidden_before_dynamodb_removes_it(alice: Person, jaffle: Project) -> None:
    run, younger = ended(jaffle), ended(jaffle, NOON + SECOND)
    then = NOON + KEPT

    for path in (f"/api/v1/runs/{run.id}", f"/api/v1/runs/{run.id}/logs"):
        answer = alice.call("GET", path, at=then)
        assert (answer.status, answer.json["code"]) == (404, "not_found")
    for query in ({}, {"job_id": run.job_id}, {"status": "success"}):
        answer = alice.call("GET", f"/api/v1/projects/{jaffle.id}/runs", at=then, query=query)
        assert [found["id"] for found in answer.json["runs"]] == [younger.id]


def test_a_page_of_runs_that_are_past_their_time_is_not_followed_by_another(alice: Person, jaffle: Project) -> None:
    old = [ended(jaffle, NOON - timedelta(days=2, minutes=minute)) for minute in range(3)]
    young = [ended(jaffle, NOON - timedelta(minutes=minute)) for minute in range(2)]

    assert [len(page) for page in pages(alice, jaffle, limit="2")] == [2, 2, 1]
    answer = alice.call(
        "GET", f"/api/v1/projects/{jaffle.id}/runs", at=NOON + KEPT - timedelta(days=1), query={"limit": "2"}
    )
    assert [run["id"] for run in answer.json["runs"]] == [run.id for run in young]
    assert "next_cursor" not in answer.json
    assert old


def test_days_count_from_the_end_however_long_a_run_took(jaffle: Project) -> None:
    run = a_run(jaffle, status=RunStatus.RUNNING)
    end = NOON + timedelta(days=29)

    after = run.model_copy(update={"status": RunStatus.SUCCESS, "end_time": end, "updated_at": end})
    assert store.advance_run(run, after)

    assert expiry_of(run.id) == end + KEPT


def test_an_open_run_is_kept_longer_than_every_deadline_a_project_may_set() -> None:
    longest = ProjectSettings.model_fields["active_deadline_seconds"].metadata[1].le
    launched_last = waiting.LAUNCH_FOR + timedelta(seconds=longest + pod_template.UNSCHEDULED_SECONDS)

    assert launched_last + giving_up.OVERDUE_AFTER + waiting.LAUNCH_FOR < LONGEST_OPEN


def test_every_new_run_has_its_expiry(alice: Person, acme: Acme, jaffle: Project, job: Job) -> None:
    triggered = alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs/{job.id}/trigger").json["job_run_id"]
    assert expiry_of(triggered) == NOON + LONGEST_OPEN + KEPT

    firing = Firing(since=NOON - KEPT, schedule="@daily", timezone="UTC", cronjob_name="jaffle-nightly")
    slot = Slot(NOON, firing, NOON - KEPT)
    missed = missed_slot.missed_run(slot, SlotFacts(jaffle, job, False, None, [], []), None, NOON + SECOND)
    assert store.create_run(missed)
    assert expiry_of(missed.id) == NOON + SECOND + KEPT

    acme.finish("true")
    acme.ingest()
    seen = acme.only_run()
    assert expiry_of(seen.id) == (seen.updated_at + KEPT).replace(microsecond=0)


def test_a_log_is_kept_as_long_as_its_run_and_stored_before_its_end_is_written() -> None:
    template = yaml_parse((ROOT / "template.yaml").read_text())
    rules = template["Resources"]["LogsBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    written = template["Globals"]["Function"]["Environment"]["Variables"]["RUN_RETENTION_DAYS"]

    assert {rule["Id"]: rule.get("ExpirationInDays") for rule in rules}["as-the-runs"] == written
    assert template["Parameters"]["RunRetentionDays"]["Default"] == KEPT.days


def test_an_expired_log_and_an_expired_run_have_different_errors(alice: Person, jaffle: Project) -> None:
    run = ended(jaffle)
    assert run.log
    s3: Any = botocore.session.get_session().create_client("s3")
    s3.delete_object(Bucket=os.environ["LOGS_BUCKET"], Key=run.log.key)

    answer = alice.call("GET", f"/api/v1/runs/{run.id}/logs")

    assert answer.status == 404
    assert answer.json["message"] == "The log of this run is no longer kept, only the run itself"
    assert alice.call("GET", f"/api/v1/runs/{run.id}").status == 200


def test_a_run_that_was_removed_under_an_ingest_is_not_brought_back(alice: Person, jaffle: Project) -> None:
    run = a_run(jaffle, status=RunStatus.RUNNING)
    RunRow(run.id).delete()

    assert not store.advance_run(run, run.model_copy(update={"status": RunStatus.SUCCESS}))

    assert alice.call("GET", f"/api/v1/runs/{run.id}").status == 404
    assert list(store.open_runs(jaffle.organization_id)) == []


def test_an_ended_job_leaves_its_cluster_before_its_run_is_forgotten() -> None:
    template = yaml_parse((ROOT / "template.yaml").read_text())
    longest = ProjectSettings.model_fields["ttl_seconds"].metadata[1].le

    assert longest < template["Parameters"]["RunRetentionDays"]["MinValue"] * DAY


def test_a_job_that_somebody_keeps_for_years_is_no_new_run(acme: Acme) -> None:
    acme.finish("true")
    acme.ingest()
    RunRow(acme.only_run().id).delete()
    acme.skipped = LONGEST_OPEN + KEPT

    acme.ingest()

    assert [run for run in acme.runs() if run.job_uid] == []


def test_a_delivery_whose_run_is_deleted_ends(alice: Person, jaffle: Project, job: Job) -> None:
    run = new_run(job, jaffle, RunStatus.FAILED)
    delivery = new_delivery(run, Event.FAILURE, "slack", NOON, timedelta(days=1))
    assert deliveries.create(delivery)
    RunRow(run.id).delete()
    queue = Queue()
    queue.queue_event(run, Event.FAILURE, "slack")

    queue.deliver_due()

    assert queue.messages == []
    path = f"/api/v1/projects/{jaffle.id}/jobs/{job.id}/deliveries"
    (shown,) = alice.call("GET", path).json["deliveries"]
    assert (shown["status"], shown["error"]) == (
        DeliveryStatus.FAILED,
        "the run was removed because of its age, so there is nothing to send",
    )
