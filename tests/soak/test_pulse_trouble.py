"""Messages on the pulse queue that get lost, doubled and late, and the other queues that are left alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.emulator.database import Database
from local.emulator.sqs import SQS
from tests.soak import pulse_trouble
from tests.soak.scripted import Scripted


@pytest.fixture
def trouble(monkeypatch: pytest.MonkeyPatch) -> Scripted:
    # So that monkeypatch restores it at the end.
    monkeypatch.setattr(SQS, "_send", SQS._send)
    made = Scripted()
    pulse_trouble.install(made, "pulses")
    return made


class Queues:
    """Two queues on a clock that the test moves."""

    def __init__(self, database: Database) -> None:
        self.now = 0.0
        self._sqs = SQS(database, lambda: "http://here", clock=lambda: self.now)
        for name in ("pulses", "others"):
            self._sqs.install(name, f"arn:aws:sqs:here:1:{name}", {})

    def send(self, name: str, body: str) -> None:
        answer = self._sqs("SendMessage", {"QueueUrl": f"http://here/1/{name}", "MessageBody": body})
        assert {"MessageId", "MD5OfMessageBody"} == set(answer)

    def received(self, name: str) -> list[str]:
        asked = {"QueueUrl": f"http://here/1/{name}", "MaxNumberOfMessages": 10}
        return [message["Body"] for message in self._sqs("ReceiveMessage", asked).get("Messages", [])]


@pytest.fixture
def queues(tmp_path: Path) -> Iterator[Queues]:
    database = Database(tmp_path / "store")
    yield Queues(database)
    database.close()


@pytest.mark.parametrize(
    ("kind", "seen"),
    [(None, ["a", "b"]), ("lost", ["b"]), ("doubled", ["a", "a", "b"]), ("overtaken", ["b"]), ("minutes late", ["b"])],
)
def test_one_fault_spoils_one_message_alone(
    queues: Queues, trouble: Scripted, kind: str | None, seen: list[str]
) -> None:
    trouble.next = kind
    queues.send("pulses", "a")
    queues.send("pulses", "b")

    assert sorted(queues.received("pulses")) == seen


@pytest.mark.parametrize(("kind", "seconds"), [("overtaken", 4), ("minutes late", 120)])
def test_a_late_message_is_received_when_it_is_due(queues: Queues, trouble: Scripted, kind: str, seconds: int) -> None:
    trouble.next = kind
    queues.send("pulses", "a")

    queues.now = seconds - 1
    assert queues.received("pulses") == []
    queues.now = seconds
    assert queues.received("pulses") == ["a"]


def test_other_queues_are_left_alone(queues: Queues, trouble: Scripted) -> None:
    trouble.next = "lost"
    queues.send("others", "a")

    assert queues.received("others") == ["a"]
