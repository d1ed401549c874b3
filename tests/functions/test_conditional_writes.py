"""The conditions of single writes on runs, turns and receivers: what each of them refuses."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pynamodb.exceptions import PutError

from jobs_api import store
from jobs_api.ids import new_id
from jobs_api.model.actor import Actor
from jobs_api.model.alert_targets import Event
from jobs_api.model.audit import WrittenBy
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.model.run import LONGEST_OPEN, Run, RunStatus
from jobs_api.store import receivers, turns
from jobs_api.store.delivery_rows import ReceiverRow
from jobs_api.store.project_rows import TURN, ProjectsRow
from jobs_api.store.projects import partition_of
from jobs_api.trigger.request import trigger_entry
from tests.calls_to_aws import Call, intercept_aws
from tests.functions.people import NOON
from tests.functions.test_run_counts import ended, new_job, run_of

SECOND = timedelta(seconds=1)
LEASE = timedelta(seconds=30)
LAUNCH = {"metadata": {"name": "a-job"}}


@pytest.fixture
def job(jaffle: Project) -> Job:
    return new_job(jaffle)


def pending(job: Job, project: Project, **values: Any) -> Run:
    return run_of(job, project).model_copy(update={"status": RunStatus.PENDING, "launch": LAUNCH, **values})


def in_turn(run: Run, holder: str | None) -> bool:
    by = WrittenBy(actor=Actor(token_id="token"), at=NOON, request_id=new_id())
    return turns.create_run_in_turn(run, trigger_entry(run, by), holder)


def holder(run: Run) -> str | None:
    return turns.holder_of_turn(run.organization_id, run.project_id, run.job_id)


def stored(run: Run) -> Run:
    return store.get_run(run.organization_id, run.id)


def test_a_run_that_finds_its_turn_taken_says_so_and_is_not_written(job: Job, jaffle: Project) -> None:
    first, second = pending(job, jaffle), pending(job, jaffle)
    assert in_turn(first, None)

    with pytest.raises(turns.TurnLost):
        in_turn(second, None)

    assert holder(second) == first.id
    assert store.find_runs(job.organization_id, [second.id]) == {}


def test_a_run_that_is_there_already_is_not_written_again(job: Job, jaffle: Project) -> None:
    first, second = pending(job, jaffle), pending(job, jaffle)
    assert in_turn(first, None)
    assert in_turn(second, first.id)

    assert in_turn(second, second.id) is False
    assert in_turn(first, second.id) is False

    assert holder(first) == second.id


def test_a_turn_is_kept_longer_than_its_run_is_open(job: Job, jaffle: Project) -> None:
    run = pending(job, jaffle)
    assert in_turn(run, None)

    row = ProjectsRow.get(partition_of(job.organization_id, job.project_id), TURN + job.id)

    assert row.attribute_values["expires_at"] >= (run.updated_at + LONGEST_OPEN).timestamp()


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"waits": None}, id="it waits for nothing"),
        pytest.param({"launch": None}, id="it has been launched"),
        pytest.param({"status": RunStatus.RUNNING}, id="it runs"),
    ],
)
def test_only_a_run_that_waits_to_be_launched_is_admitted(job: Job, jaffle: Project, values: dict[str, Any]) -> None:
    waiting, other = pending(job, jaffle, waits=True), pending(job, jaffle, **{"waits": True, **values})
    assert store.create_run(waiting)
    assert store.create_run(other)

    assert turns.admit_run(other, None, NOON) is False
    assert holder(other) is None
    assert turns.admit_run(waiting, "another", NOON) is False
    assert turns.admit_run(waiting, None, NOON)
    assert holder(waiting) == waiting.id


def test_events_are_cleared_only_where_no_others_were_added_since(job: Job, jaffle: Project) -> None:
    run = run_of(job, jaffle)
    assert store.create_run(run)
    late = run.model_copy(update={"late_at": NOON, "notify": [Event.LATE]})
    assert store.record_found(run, late)

    assert store.run_notified(run.model_copy(update={"notify": [Event.STARTED]})) is False
    assert stored(run).notify == [Event.LATE]
    assert store.run_notified(late)
    assert stored(run).notify == []


def test_a_run_is_found_late_only_while_it_is_open_and_has_the_events_that_were_read(job: Job, jaffle: Project) -> None:
    run = run_of(job, jaffle)
    assert store.create_run(run)
    late = run.model_copy(update={"late_at": NOON, "notify": [Event.LATE], "updated_at": NOON + SECOND})
    others = run.model_copy(update={"notify": [Event.STARTED]})

    assert store.record_found(others, late) is False
    assert stored(run).late_at is None
    assert store.record_found(run, late)
    assert (stored(run).late_at, stored(run).updated_at) == (NOON, NOON + SECOND)
    assert store.record_found(run, late) is False

    over = run_of(job, jaffle)
    assert store.create_run(over)
    assert store.advance_run(over, ended(over))
    assert store.record_found(stored(over), stored(over).model_copy(update={"late_at": NOON})) is False
    assert stored(over).late_at is None


def test_a_run_whose_lateness_was_told_is_not_found_late_again(job: Job, jaffle: Project) -> None:
    run = run_of(job, jaffle)
    assert store.create_run(run)
    late = run.model_copy(update={"late_at": NOON, "notify": [Event.LATE]})
    assert store.record_found(run, late)
    assert store.run_notified(late)

    assert store.record_found(run, late) is False

    assert stored(run).notify == []


def test_the_beginning_of_a_log_is_recorded_only_while_its_run_is_open(job: Job, jaffle: Project) -> None:
    run = run_of(job, jaffle)
    assert store.create_run(run)
    store.record_log_begins(run, "first")
    assert store.advance_run(run, ended(run))

    store.record_log_begins(run, "second")

    assert stored(run).log_begins == "first"


def test_a_table_that_refuses_a_new_run_does_not_say_that_it_is_there(
    job: Job, jaffle: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(call: Call) -> Any:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, call.operation)

    run = run_of(job, jaffle)
    with monkeypatch.context() as patched:
        intercept_aws(patched, refused)
        with pytest.raises(PutError):
            store.create_run(run)


def test_a_receiver_that_is_down_is_left_alone_twice_as_long_each_time_and_ten_minutes_at_most() -> None:
    receiver, now, waits = f"org-{new_id()}/hooks.example:443", NOON, list[int]()
    for _ in range(8):
        receivers.down(receiver, now, known=True)
        free_at, known = receivers.enter(receiver, now, LEASE)
        assert known
        assert free_at
        waits.append(int((free_at - now).total_seconds()))
        now = free_at
    assert waits == [10, 20, 40, 80, 160, 320, 600, 600]
    assert receivers.enter(receiver, now, LEASE) == (None, True)
    assert receivers.enter(receiver, now, LEASE) == (now + LEASE, True)


def test_a_slow_receiver_is_tried_again_after_five_seconds_and_one_that_answers_quickly_has_no_limit() -> None:
    receiver = f"org-{new_id()}/hooks.example:443"
    assert receivers.enter(receiver, NOON, LEASE) == (None, False)

    receivers.slow(receiver, NOON)

    assert receivers.enter(receiver, NOON, LEASE) == (None, True)
    assert receivers.enter(receiver, NOON, LEASE) == (NOON + receivers.ANSWER_OF_A_SLOW_ONE, True)
    receivers.leave(receiver)
    assert receivers.enter(receiver, NOON, LEASE) == (None, False)


def test_a_receiver_that_many_senders_find_down_at_once_counts_as_down_once() -> None:
    receiver = f"org-{new_id()}/hooks.example:443"
    for _ in range(5):
        receivers.down(receiver, NOON, known=False)

    assert receivers.enter(receiver, NOON, LEASE) == (NOON + receivers.FIRST_QUIET, True)


def read_before(monkeypatch: pytest.MonkeyPatch, receiver: str) -> None:
    """Let senders from now on decide by what is stored of a receiver at the moment."""
    row = ReceiverRow.get(f"receiver#{receiver}")
    monkeypatch.setattr(ReceiverRow, "get", lambda *_, **__: row)


def test_one_of_two_senders_that_see_a_receiver_free_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    receiver = f"org-{new_id()}/hooks.example:443"
    receivers.slow(receiver, NOON)
    read_before(monkeypatch, receiver)

    assert receivers.enter(receiver, NOON, LEASE) == (None, True)
    assert receivers.enter(receiver, NOON + SECOND, LEASE) == (NOON + SECOND + receivers.ANSWER_OF_A_SLOW_ONE, True)


def test_a_sender_that_finds_a_receiver_down_late_does_not_shorten_its_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    receiver = f"org-{new_id()}/hooks.example:443"
    receivers.down(receiver, NOON, known=False)
    with monkeypatch.context() as late:
        read_before(late, receiver)
        receivers.down(receiver, NOON + LEASE, known=True)
        receivers.down(receiver, NOON, known=True)
    receivers.record_slow(receiver, NOON, NOON + SECOND)

    assert receivers.enter(receiver, NOON, LEASE) == (NOON + LEASE + 2 * receivers.FIRST_QUIET, True)


def test_reads_that_decide_about_a_write_are_consistent(
    job: Job, jaffle: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, read = run_of(job, jaffle), list[bool]()
    assert store.create_run(run)

    def noting(call: Call) -> Any:
        asked = [call.arguments, *call.arguments.get("RequestItems", {}).values()]
        read.extend(one["ConsistentRead"] for one in asked if "ConsistentRead" in one)
        return call.make()

    intercept_aws(monkeypatch, noting)
    holder(run)
    stored(run)
    store.find_runs(run.organization_id, [run.id])
    receivers.enter(new_id(), NOON, LEASE)
    receivers.down(new_id(), NOON, known=False)
    assert read == [True] * 5
