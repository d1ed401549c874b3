"""A node that dies early leaves what its command printed: passes and their messages, with real processes."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs_api.cluster import Cluster, Object, ObjectNotFound
from jobs_api.collecting.parts import Parts
from jobs_api.errors import ClusterUnavailable
from jobs_api.ids import new_id
from jobs_api.ingest import log_collecting
from jobs_api.ingest.logs_left import COLLECTED_UNTIL
from jobs_api.ingest.unseen_end import GONE_AFTER
from jobs_api.model.run import Run, RunStatus
from jobs_api.pulse import handling, queue
from jobs_api.pulse.queue import PulseMessage
from jobs_api.store import pulses
from tests.calls_to_aws import Call, intercept_aws
from tests.functions.acme import Acme, eventually, until
from tests.functions.test_follow_logs import ask, rest


@dataclass
class Queue:
    """The messages that were sent; each pass takes the newest pulse. It stands in for SQS."""

    acme: Acme
    sent: list[PulseMessage] = field(default_factory=list)

    def send_message_batch(self, *, Entries: list[dict[str, Any]], **_: Any) -> Object:  # noqa: N803 - boto3's name
        assert sum(len(one["MessageBody"]) for one in Entries) < 256 * 1024
        self.sent += [PulseMessage.of_json(one["MessageBody"]) for one in Entries]
        return {}

    def send_message(self, **entry: Any) -> Object:
        return self.send_message_batch(Entries=[entry])

    @property
    def pulse(self) -> PulseMessage:
        return [one for one in self.sent if one.generation is not None][-1]

    def ask_for_pass(self) -> None:
        self.acme.skipped += timedelta(seconds=5)
        handling.handle(PulseMessage(self.acme.organization.id, asked_at=self.acme.now()), self.acme.now)

    def handle(self, message: PulseMessage | None = None) -> None:
        self.acme.skipped += timedelta(seconds=5)
        handling.handle(message or self.pulse, self.acme.now)


@pytest.fixture
def messages(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> Queue:
    made = Queue(acme)
    monkeypatch.setattr(queue, "_client", lambda: made)
    monkeypatch.setenv("PULSE_SECONDS", "5")
    monkeypatch.setenv("IDLE_PULSE_SECONDS", "600")
    log_collecting._last_reads.clear()
    return made


def run_for_a_while(acme: Acme, messages: Queue, printed: Path, script: str = "sleep 60") -> tuple[Object, str]:
    """Start a command that prints, and let passes see it."""
    run_id = new_id("run_")
    job = acme.start(f"echo one; echo two; touch {printed}; {script}", run_id)
    acme.wait_for_pod(job)
    eventually(printed.exists)
    messages.ask_for_pass()
    messages.handle()
    messages.handle()
    assert acme.only_run().status is RunStatus.RUNNING
    return job, run_id


def run_after_a_pass(acme: Acme, messages: Queue) -> Run | None:
    """Make the next pass; return the run once it has ended."""
    messages.handle()
    run = acme.only_run()
    return run if run.status.ended else None


def lose_node(patch: pytest.MonkeyPatch, error: Exception | None = None) -> None:
    """Let the kubelet be out of reach, as the API server answers then."""

    def lost(*_: object, **__: object) -> object:
        raise error or ClusterUnavailable("The cluster answered 500: dial tcp 10.0.0.7:10250: i/o timeout")

    for name in ("log_begins", "stream_log", "stamped_log", "read_log"):
        patch.setattr(Cluster, name, lost)


def remove_pod(acme: Acme, job: Object) -> None:
    """Remove the Pod as the pod garbage collector does."""
    pod = acme.cluster.pod_of(job)
    assert pod
    name = pod["metadata"]["name"]
    acme.write("DELETE", f"/api/v1/namespaces/{acme.organization.namespace}/pods/{name}", {"gracePeriodSeconds": 0})


def remove_job(acme: Acme, job: Object) -> None:
    acme.delete(job)
    acme.skipped += GONE_AFTER


def test_a_short_run_writes_no_part(acme: Acme, messages: Queue, tmp_path: Path) -> None:
    job, _ = run_for_a_while(acme, messages, tmp_path / "printed", until(tmp_path / "go"))
    assert [one.text for one in messages.pulse.carried] == [b"one\ntwo\n"]
    (tmp_path / "go").touch()
    acme.wait_for_end(job)
    messages.handle()

    assert Parts.of(acme.only_run()).last is None
    assert (acme.log_of(acme.only_run()), acme.only_run().log_note) == ("one\ntwo\n", None)
    assert messages.pulse.carried == ()


@pytest.mark.parametrize("remove", [remove_pod, remove_job])
def test_a_node_that_dies_at_once_leaves_what_was_printed(
    acme: Acme, messages: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, remove: Callable[[Acme, Object], None]
) -> None:
    job, run_id = run_for_a_while(acme, messages, tmp_path / "printed")
    lose_node(monkeypatch)
    remove(acme, job)

    # The Job controller may take a while to see that the Pod is gone.
    run = eventually(lambda: run_after_a_pass(acme, messages))
    assert acme.log_of(run) == "one\ntwo\n"
    assert (run.log_note or "").startswith(COLLECTED_UNTIL)
    assert rest(acme.alice, run_id)[0] == "one\ntwo\n"


def test_the_log_of_a_silent_node_can_be_read_before_its_run_ends(
    acme: Acme, messages: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, run_id = run_for_a_while(acme, messages, tmp_path / "printed")
    lose_node(monkeypatch)
    messages.handle()

    assert acme.only_run().status is RunStatus.RUNNING
    assert ask(acme.alice, run_id)["logs"] == "one\ntwo\n"
    lose_node(monkeypatch, ObjectNotFound(404, "gone"))
    remove_pod(acme, job)
    eventually(lambda: acme.reread(job)["status"].get("conditions"))
    messages.handle()
    assert acme.log_of(acme.only_run()) == "one\ntwo\n"


def test_a_pass_that_was_asked_for_leaves_the_text_to_the_pulse_that_it_superseded(
    acme: Acme, messages: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_for_a_while(acme, messages, tmp_path / "printed")
    superseded = messages.pulse
    lose_node(monkeypatch)
    messages.ask_for_pass()
    assert b"".join(Parts.of(acme.only_run()).text()) == b""
    messages.handle(superseded)
    messages.handle(superseded)

    assert b"".join(Parts.of(acme.only_run()).text()) == b"one\ntwo\n"


def test_a_pass_that_was_asked_for_leaves_the_end_of_a_run_to_the_next_one_while_its_text_may_come(
    acme: Acme, messages: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, _ = run_for_a_while(acme, messages, tmp_path / "printed")
    acme.skipped = timedelta()
    superseded = messages.pulse
    lose_node(monkeypatch, ObjectNotFound(404, "gone"))
    remove_pod(acme, job)
    acme.wait_for_end(job)
    messages.ask_for_pass()
    assert acme.only_run().status is RunStatus.RUNNING
    messages.handle(superseded)
    messages.ask_for_pass()
    messages.handle()

    assert acme.only_run().status.ended
    assert acme.log_of(acme.only_run()) == "one\ntwo\n"


def test_a_pulse_that_comes_twice_writes_nothing_while_the_log_can_be_read(
    acme: Acme, messages: Queue, tmp_path: Path
) -> None:
    run_for_a_while(acme, messages, tmp_path / "printed")
    taken = messages.pulse
    messages.handle(taken)
    messages.handle(taken)

    assert Parts.of(acme.only_run()).last is None


def test_a_cluster_out_of_reach_leaves_what_was_printed(
    acme: Acme, messages: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_for_a_while(acme, messages, tmp_path / "printed")

    def lost(*_: object, **__: object) -> object:
        raise ClusterUnavailable("no route to host")

    monkeypatch.setattr(Cluster, "list_jobs", lost)
    messages.handle()

    assert b"".join(Parts.of(acme.only_run()).text()) == b"one\ntwo\n"
    assert messages.pulse.carried == ()


def test_a_pass_that_fails_hands_the_text_on(
    acme: Acme, messages: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_for_a_while(acme, messages, tmp_path / "printed")

    def fail(call: Call) -> Any:
        if call.operation == "Query":
            raise RuntimeError("the tables are busy")
        return call.make()

    with monkeypatch.context() as patch:
        intercept_aws(patch, fail)
        messages.handle()

    assert [one.text for one in messages.pulse.carried] == [b"one\ntwo\n"]


def test_a_queue_that_refuses_makes_parts_of_what_it_would_carry(
    acme: Acme, messages: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_for_a_while(acme, messages, tmp_path / "printed")
    monkeypatch.setattr(messages, "send_message_batch", lambda **_: {"Failed": [{"Id": "0"}]})
    messages.handle(messages.pulse)

    assert b"".join(Parts.of(acme.only_run()).text()) == b"one\ntwo\n"


class Killed(BaseException):
    """The process ended."""


@pytest.mark.parametrize("at", ["the beginning", "the look", "the end", "the send"])
def test_a_process_that_dies_in_a_pass_loses_nothing(
    acme: Acme, messages: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    run_for_a_while(acme, messages, tmp_path / "printed")
    places = {
        "the beginning": (pulses, "begin_pass"),
        "the look": (log_collecting, "collect"),
        "the end": (handling, "next_pulse"),
        "the send": (queue, "send_pulse"),
    }
    module, name = places[at]
    call = getattr(module, name)

    def die(*arguments: Any, **named: Any) -> Any:
        call(*arguments, **named)
        raise Killed

    taken = messages.pulse
    with monkeypatch.context() as patch:
        patch.setattr(module, name, die)
        with pytest.raises(Killed):
            messages.handle(taken)
    log_collecting._last_reads.clear()
    lose_node(monkeypatch)
    # SQS hands the message out again.
    messages.handle(taken)

    assert b"".join(Parts.of(acme.only_run()).text()) == b"one\ntwo\n"


def test_a_carried_text_is_written_nowhere_but_in_the_queue(
    acme: Acme, messages: Queue, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_for_a_while(acme, messages, tmp_path / "printed", "echo a-plain-secret; sleep 60")
    messages.handle()

    (text,) = messages.pulse.carried
    assert b"one" in text.text
    assert "one\\ntwo" not in capsys.readouterr().out
    assert "one" not in json.dumps(text.as_json)
