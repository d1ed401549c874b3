"""Faults between functions and AWS, and the callers that get none."""

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any, ClassVar

import botocore.handlers
import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from local.emulator.s3_answers import Answer
from local.powertools import LAMBDA_CONTEXT
from tests.fast_moto.wire import InProcessTransport
from tests.soak import aws_trouble
from tests.soak.scripted import Scripted
from tests.soak.trouble import Trouble


@pytest.fixture
def trouble(monkeypatch: pytest.MonkeyPatch) -> Scripted:
    # So that monkeypatch restores it at the end.
    monkeypatch.setattr(InProcessTransport, "__call__", InProcessTransport.__call__)
    monkeypatch.setattr(InProcessTransport, "direct", False, raising=False)
    # Faults are injected into HTTP requests, and moto's transport would answer some calls without one.
    requests = [one for one in botocore.handlers.BUILTIN_HANDLERS if one[0] != "before-call" or not _of_moto(one[1])]
    monkeypatch.setattr(botocore.handlers, "BUILTIN_HANDLERS", requests)
    made = Scripted()
    aws_trouble.install(made, InProcessTransport)
    return made


def _of_moto(handler: object) -> bool:
    return isinstance(getattr(handler, "__self__", None), InProcessTransport)


@pytest.fixture
def in_a_function() -> Iterator[None]:
    token = LAMBDA_CONTEXT.set(object())
    yield
    LAMBDA_CONTEXT.reset(token)


def client(service: str, attempts: int = 1) -> Any:
    config = Config(retries={"total_max_attempts": attempts})
    return botocore.session.get_session().create_client(service, config=config)


def put(s3: Any, key: str) -> None:
    s3.put_object(Bucket=os.environ["LOGS_BUCKET"], Key=key, Body=b"")


def is_there(key: str) -> bool:
    listed = client("s3").list_objects_v2(Bucket=os.environ["LOGS_BUCKET"], Prefix=key)
    return bool(listed["KeyCount"])


@pytest.mark.usefixtures("in_a_function")
@pytest.mark.parametrize(
    ("kind", "error"),
    [("throttled", ClientError), ("failed", ClientError), ("no connection", BotoCoreError)],
)
def test_a_refused_call_has_not_happened(trouble: Scripted, kind: str, error: type[Exception]) -> None:
    trouble.next = kind
    with pytest.raises(error):
        put(client("s3"), f"soak/{kind}")
    assert not is_there(f"soak/{kind}")


@pytest.mark.usefixtures("in_a_function")
def test_a_call_that_times_out_has_happened(trouble: Scripted) -> None:
    trouble.next = "timed out after the write"
    with pytest.raises(ReadTimeoutError):
        put(client("s3"), "soak/timed-out")
    assert is_there("soak/timed-out")


@pytest.mark.usefixtures("in_a_function")
@pytest.mark.parametrize("service", ["dynamodb", "s3", "sqs"])
@pytest.mark.parametrize("kind", list(aws_trouble.KINDS))
def test_botocore_tries_again_by_itself(trouble: Scripted, service: str, kind: str) -> None:
    ask = {
        "dynamodb": lambda aws: aws.list_tables(),
        "s3": lambda aws: aws.list_objects_v2(Bucket=os.environ["LOGS_BUCKET"], MaxKeys=1),
        "sqs": lambda aws: aws.list_queues(),
    }
    trouble.next = kind
    ask[service](client(service, attempts=2))
    assert trouble.next is None


@pytest.mark.parametrize(
    ("kind", "stored"), [(None, ["a form"]), ("throttled", []), ("timed out after the write", ["a form"])]
)
def test_an_upload_of_a_pod_may_be_refused_or_lose_its_answer(kind: str | None, stored: list[str]) -> None:
    class Bucket:
        stored: ClassVar[list[str]] = []

        def form(self, sent: str) -> Answer:
            self.stored.append(sent)
            return Answer(204)

    trouble = Scripted()
    trouble.next = kind
    aws_trouble.install_uploads(trouble, Bucket)

    assert Bucket().form("a form").status == (503 if kind else 204)
    assert Bucket.stored == stored


def test_the_stack_itself_and_its_operators_are_spared(trouble: Scripted) -> None:
    trouble.next = "failed"
    put(client("s3"), "soak/spared")
    assert trouble.next == "failed"


def test_the_same_seed_draws_the_same_faults_in_the_same_order() -> None:
    def drawn(seed: str) -> list[str | None]:
        trouble = Trouble(seed, 0.5, Counter())
        trouble.storm()
        return [trouble.drawn({"one": 1, "two": 3}, "test") for _ in range(50)]

    assert drawn("7") == drawn("7") != drawn("8")
    assert {None, "one", "two"} == set(drawn("7"))


def test_no_fault_is_drawn_before_or_after_a_storm() -> None:
    happened: Counter[str] = Counter()
    trouble = Trouble("7", 1.0, happened)
    kinds = {"one": 1}
    assert trouble.drawn(kinds, "test") is None
    trouble.storm()
    assert trouble.drawn(kinds, "test") == "one"
    trouble.end()
    assert trouble.drawn(kinds, "test") is None
    assert happened == {"test: one": 1}
