"""`on_overlap` of a trigger: which of a job's runs start while another one is open, and in which order."""

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest

from jobs_api import store
from jobs_api.errors import RunInProgress
from jobs_api.ids import new_id
from jobs_api.ingest.ingester import Incomplete
from jobs_api.ingest.out_of_reach import end_overdue
from jobs_api.model.actor import Actor
from jobs_api.model.audit import WrittenBy
from jobs_api.model.run import Run, RunStatus, TriggeredBy
from jobs_api.store import turns
from jobs_api.trigger import admission
from jobs_api.trigger.request import trigger_entry
from tests.functions.acme import Acme
from tests.functions.people import Answer
from tests.functions.refusals import Refuse
from tests.functions.test_trigger_job import kubernetes_jobs, path

SECOND = timedelta(seconds=1)


def trigger(acme: Acme, on_overlap: str | None = None, **options: Any) -> Answer:
    acme.skipped += SECOND
    return acme.alice.call("POST", path(acme.job), {"on_overlap": on_overlap}, at=acme.now(), **options)


def started(acme: Acme, on_overlap: str | None = None, **options: Any) -> str:
    answer = trigger(acme, on_overlap, **options)
    assert answer.status == 202, answer.text
    return str(answer.json["job_run_id"])


def run(acme: Acme, run_id: str) -> Run:
    return store.get_run(acme.organization.id, run_id)


def going(acme: Acme) -> str:
    """Return a run whose command does not end by itself."""
    begun = acme.triggered("sleep 600")
    acme.ingest()
    assert launched(acme, begun.id) == [True]
    acme.skipped += SECOND
    return begun.id


def end(acme: Acme, run_id: str, status: RunStatus = RunStatus.SUCCESS) -> None:
    before = run(acme, run_id)
    assert store.advance_run(before, before.model_copy(update={"status": status, "end_time": acme.now()}))


def launched(acme: Acme, *run_ids: str) -> list[bool]:
    return [run(acme, run_id).launch is None for run_id in run_ids]


def assert_refused(answer: Answer, run_id: str) -> None:
    assert (answer.status, answer.json["code"]) == (409, "run_in_progress")
    assert run_id in answer.json["message"]


@pytest.fixture
def lagging(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the index of open runs show nothing of what was written just now."""
    monkeypatch.setattr(store, "open_runs_of_job", lambda *_: [])


def test_a_run_starts_beside_another_unless_somebody_says_otherwise(acme: Acme) -> None:
    assert launched(acme, started(acme), started(acme), started(acme, "allow")) == [True] * 3


@pytest.mark.parametrize("value", ["Skip", "", 1, "forbid"])
def test_an_unknown_value_of_on_overlap_is_refused(acme: Acme, value: Any) -> None:
    answer = acme.alice.call("POST", path(acme.job), {"on_overlap": value})

    assert (answer.status, answer.faulty_fields) == (422, ["on_overlap"])


# Skip.


@pytest.mark.parametrize("first", ["allow", "skip", "wait"])
def test_a_run_is_skipped_while_another_is_open_and_starts_once_that_has_ended(acme: Acme, first: str) -> None:
    going = started(acme, first)

    assert_refused(trigger(acme, "skip"), going)
    assert [one.id for one in acme.runs()] == [going]
    end(acme, going, RunStatus.FAILED)

    assert launched(acme, started(acme, "skip")) == [True]


@pytest.mark.usefixtures("lagging")
def test_an_open_run_that_no_index_shows_yet_is_seen_in_the_cluster(acme: Acme) -> None:
    before = going(acme)

    assert_refused(trigger(acme, "skip"), before)


def test_a_slot_counts_that_the_cluster_has_started_and_no_pass_has_seen(acme: Acme) -> None:
    job = acme.start("sleep 60")

    answer = trigger(acme, "skip")

    assert answer.json["code"] == "run_in_progress"
    acme.wait_for_pod(job)
    acme.ingest()
    assert acme.only_run().triggered_by is TriggeredBy.SCHEDULED
    assert acme.only_run().id in answer.json["message"]
    acme.delete(job)


@pytest.mark.usefixtures("lagging")
def test_a_run_without_a_job_counts_before_an_index_has_it(acme: Acme, refuse: Refuse) -> None:
    refuse("POST", "/jobs")
    waits_for_the_cluster = started(acme)
    assert launched(acme, waits_for_the_cluster) == [False]

    assert_refused(trigger(acme, "skip"), waits_for_the_cluster)


@pytest.mark.usefixtures("lagging")
def test_the_next_attempt_of_a_run_that_has_just_failed_counts(acme: Acme) -> None:
    first = run(acme, started(acme, "skip"))
    attempt = first.model_copy(
        update={"id": new_id("run_"), "attempt": 2, "retry_of": first.id, "launch": {"kind": "Job"}}
    )
    ended = first.model_copy(update={"status": RunStatus.FAILED, "end_time": acme.now(), "retried_as": attempt.id})
    assert store.advance_run(first, ended, next_attempt=attempt)

    assert_refused(trigger(acme, "skip"), attempt.id)


def test_where_the_cluster_cannot_be_asked_the_tables_decide(acme: Acme, refuse: Refuse) -> None:
    refuse("/jobs")
    first = started(acme, "skip")

    assert_refused(trigger(acme, "skip"), first)
    refuse()
    acme.ingest()
    assert launched(acme, first) == [True]


def at_once(acme: Acme, monkeypatch: pytest.MonkeyPatch, *starts: Callable[[Run], bool]) -> list[Run]:
    """Start several runs, each of which looks before any is written; return those that may be launched."""
    all_have_looked, look, looks = Barrier(len(starts)), admission.overlap_of, [0] * len(starts)

    def look_together(asked: Run, ids: Collection[str]) -> admission.Overlap:
        found = look(asked, ids)
        if looks:
            looks.pop()
            all_have_looked.wait(20)
        return found

    def try_to_start(start: Callable[[Run], bool]) -> Run | None:
        run = acme.manual()
        try:
            return run if start(run) else None
        except RunInProgress:
            return None

    with monkeypatch.context() as patch, ThreadPoolExecutor(len(starts)) as pool:
        patch.setattr(admission, "overlap_of", look_together)
        return [run for run in pool.map(try_to_start, starts) if run]


def skip(run: Run) -> bool:
    by = WrittenBy(actor=Actor(token_id="token"), at=run.created_at, request_id="request")
    return admission.create_alone(run, trigger_entry(run, by), ())


def wait(run: Run) -> bool:
    assert store.create_run(run.model_copy(update={"waits": True}))
    return admission.admit(run, (), run.created_at)


@pytest.mark.usefixtures("lagging")
@pytest.mark.parametrize("starts", [[skip] * 4, [wait] * 4, [skip, wait]])
def test_one_of_several_concurrent_triggers_starts(
    acme: Acme, monkeypatch: pytest.MonkeyPatch, starts: list[Callable[[Run], bool]]
) -> None:
    started = at_once(acme, monkeypatch, *starts)

    assert len(started) == 1
    assert turns.holder_of_turn(acme.organization.id, acme.project.id, acme.job.id) == started[0].id
    left = [run for run in acme.runs() if run.id != started[0].id]
    assert all(run.waits for run in left), "who skips writes nothing, who waits may start later"


def test_the_same_request_with_its_key_finds_its_own_run(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    key = {"Idempotency-Key": "nightly"}
    with monkeypatch.context() as cut_off:
        cut_off.setattr(store, "run_launched", lambda *_: 1 / 0)
        assert trigger(acme, "skip", headers=key).status == 500

    again = trigger(acme, "skip", headers=key)

    assert again.status == 202
    assert acme.only_run().id == again.json["job_run_id"]
    assert trigger(acme, "skip", headers=key).text == again.text
    assert len(kubernetes_jobs(acme)) == 1


def test_a_refusal_is_not_kept_with_the_key(acme: Acme) -> None:
    key, going = {"Idempotency-Key": "later"}, started(acme)
    assert_refused(trigger(acme, "skip", headers=key), going)
    end(acme, going)

    assert launched(acme, started(acme, "skip", headers=key)) == [True]


# Wait.


def test_runs_that_wait_start_one_after_the_other_in_the_order_of_their_requests(acme: Acme) -> None:
    before = going(acme)
    waiting = [started(acme, "wait") for _ in range(3)]
    acme.ingest()
    assert launched(acme, *waiting) == [False] * 3

    for at, run_id in enumerate(waiting):
        end(acme, before)
        acme.ingest()
        assert launched(acme, *waiting) == [True] * (at + 1) + [False] * (2 - at)
        before = run_id


def test_a_run_that_waits_for_nothing_starts_at_once(acme: Acme) -> None:
    answer = trigger(acme, "wait")

    assert answer.json["message"] == "Run triggered successfully"
    assert launched(acme, answer.json["job_run_id"]) == [True]


def test_a_run_that_waits_has_its_own_name_from_the_start(acme: Acme) -> None:
    before, at = going(acme), acme.now().replace(microsecond=0) + SECOND
    asked = [
        acme.alice.call("POST", path(acme.job), {"on_overlap": "wait"}, at=at + timedelta(milliseconds=number)).json
        for number in range(2)
    ]
    beside = acme.alice.call("POST", path(acme.job), at=at).json

    names = [one["job_name"] for one in asked]
    assert all(name.startswith(f"{beside['job_name']}-") for name in names)
    assert len(set(names)) == 2
    end(acme, beside["job_run_id"])
    for one in asked:
        end(acme, before)
        acme.ingest()
        before = one["job_run_id"]
        assert launched(acme, before) == [True]
        assert run(acme, before).job_name == one["job_name"]


def test_a_run_that_waits_says_so(acme: Acme) -> None:
    started(acme)

    answer = trigger(acme, "wait")

    assert (answer.status, answer.json["status"]) == (202, "pending")
    assert answer.json["message"] == "Run accepted; it starts when the job's open runs have ended"


def test_a_pass_that_ends_a_run_starts_the_one_that_waits_for_it(acme: Acme) -> None:
    job = acme.finish("true")
    waiting = started(acme, "wait")
    acme.delete(acme.reread(job))
    assert launched(acme, waiting) == [True], "a Job that has finished is no open run"
    slot = acme.start("sleep 60")
    second = started(acme, "wait")
    end(acme, waiting)
    acme.ingest()
    assert launched(acme, second) == [False]

    acme.cluster.replace_job({**acme.reread(slot), "spec": {**acme.reread(slot)["spec"], "activeDeadlineSeconds": 1}})
    acme.wait_for_end(slot)
    acme.ingest()

    assert launched(acme, second) == [True]


def test_a_waiting_run_counts_for_the_next_and_a_cancelled_one_does_not(acme: Acme) -> None:
    going, first, second = started(acme), started(acme, "wait"), started(acme, "wait")
    assert acme.alice.call("POST", f"/api/v1/runs/{first}/cancel").status == 202
    end(acme, going)

    acme.ingest()

    assert run(acme, first).status is RunStatus.CANCELLED
    assert launched(acme, second) == [True]
    assert len(kubernetes_jobs(acme)) == 2


def test_two_passes_at_once_start_one_run_once(acme: Acme) -> None:
    going, waiting = started(acme), [started(acme, "wait") for _ in range(2)]
    end(acme, going)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: acme.ingest(), range(2)))

    assert launched(acme, *waiting) == [True, False]
    assert len(kubernetes_jobs(acme)) == 2


@pytest.mark.parametrize("dies", ["jobs_api.store.turns.admit_run", "jobs_api.cluster.Cluster.create_job"])
def test_a_pass_that_dies_before_or_after_it_admits_a_run_is_finished_by_the_next(
    acme: Acme, monkeypatch: pytest.MonkeyPatch, dies: str
) -> None:
    going, waiting, later = started(acme), started(acme, "wait"), started(acme, "wait")
    end(acme, going)

    def die(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(dies, die)
        with pytest.raises(SystemExit):
            acme.ingest()
    acme.ingest()

    assert launched(acme, waiting, later) == [True, False]


def test_a_trigger_that_dies_after_its_write_leaves_a_run_that_waits(
    acme: Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(admission, "jobs_going", die)
        with pytest.raises(SystemExit):
            trigger(acme, "wait")
    acme.ingest()

    assert acme.only_run().launch is None


def test_a_run_waits_while_the_cluster_is_away_and_starts_after(acme: Acme, refuse: Refuse) -> None:
    refuse("/jobs")
    waiting = started(acme, "wait")
    refuse()

    acme.ingest()

    assert launched(acme, waiting) == [True]


def test_a_run_whose_end_cannot_be_written_keeps_no_other_one_open_while_the_cluster_is_away(
    acme: Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    going(acme)
    first, second = started(acme, "wait"), started(acme, "wait")
    acme.skipped += timedelta(hours=1, minutes=1)

    def log_of(before: Run, ended: Run) -> Run:
        if before.id == first:
            raise ConnectionError("the bucket does not answer")
        return ended

    monkeypatch.setattr("jobs_api.ingest.out_of_reach.with_what_is_left", log_of)
    end_overdue(acme.organization, acme.now())

    assert [run(acme, one).status for one in (first, second)] == [RunStatus.PENDING, RunStatus.ERROR]


@pytest.mark.parametrize("away", [False, True])
def test_a_run_that_waited_for_an_hour_ends_as_an_error_that_says_so(acme: Acme, *, away: bool) -> None:
    change = {"retries": 2, "slack_channel": "#data", "slack_alerts_enabled": True}
    assert acme.alice.call("PUT", path(acme.job).removesuffix("/trigger"), change).status == 200
    going(acme)
    waiting = started(acme, "wait")
    acme.skipped += timedelta(minutes=59)
    made = acme.ingest()
    assert run(acme, waiting).status is RunStatus.PENDING
    assert made.due == [run(acme, waiting).created_at + timedelta(hours=1)], "the pass of that time ends it"

    acme.skipped += timedelta(minutes=1)
    if away:
        end_overdue(acme.organization, acme.now())
    else:
        acme.ingest()

    ended = run(acme, waiting)
    assert ended.status is RunStatus.ERROR
    assert "waited for an hour for the job's other runs" in (ended.error_message or "")
    assert ended.retried_as is None, "it did not fail, so no attempt follows"


def test_the_hour_for_its_launch_begins_when_it_may_start(acme: Acme, refuse: Refuse) -> None:
    before, waiting = going(acme), started(acme, "wait")
    acme.skipped += timedelta(minutes=59)
    end(acme, before)
    refuse("POST", "/jobs")
    with pytest.raises(Incomplete):
        acme.ingest()
    acme.skipped += timedelta(minutes=30)
    refuse()

    acme.ingest()

    assert launched(acme, waiting) == [True]
    assert run(acme, waiting).status is RunStatus.PENDING


def undeploy(acme: Acme) -> None:
    project = acme.project
    settings = project.settings.model_copy(update={"deployed": False})
    store.update_project(project.changed(settings, acme.now()), project.version)


def delete(acme: Acme) -> None:
    assert acme.alice.call("DELETE", path(acme.job).removesuffix("/trigger")).status == 200


@pytest.mark.parametrize(
    ("meanwhile", "reason"), [(undeploy, "the project is not deployed"), (delete, "the job was deleted")]
)
def test_a_run_whose_job_may_not_run_any_more_is_not_started(
    acme: Acme, meanwhile: Callable[[Acme], None], reason: str
) -> None:
    going, waiting = started(acme), started(acme, "wait")
    meanwhile(acme)
    end(acme, going)

    acme.ingest()

    ended = run(acme, waiting)
    assert ended.status is RunStatus.ERROR
    assert reason in (ended.error_message or "")
    assert len(kubernetes_jobs(acme)) == 1


def test_the_turn_of_a_deleted_project_goes_with_it(acme: Acme) -> None:
    started(acme, "skip")
    store.delete_project(acme.project)

    assert turns.holder_of_turn(acme.organization.id, acme.project.id, acme.job.id) is None
