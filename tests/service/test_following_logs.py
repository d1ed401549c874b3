"""Following a log through rotations, replaced pods and its end gives each byte once, and says what is lost."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest

from jobs_api.cluster import Cluster, ClusterRejected, ObjectNotFound
from jobs_api.errors import ClusterUnavailable
from jobs_api.k8s.log_place import LogPlace
from jobs_api.live.following import LOST_BY_ROTATION, LOST_WITH_POD, Followed, LogFollower
from jobs_api.model.run import Run, RunStatus, TriggeredBy
from tests.unit.k8s.kubelet_log import KubeletLog

SECOND = 10**9
NOON = 1_777_377_600 * SECOND
RUN = Run.model_validate(
    {
        "id": "run_one",
        "organization_id": "org-acme",
        "project_id": "proj_jaffle",
        "job_id": "job_one",
        "job_name": "jaffle-build",
        "cronjob_name": "jaffle-build",
        "namespace": "org-acme",
        "job_type": "build",
        "status": RunStatus.RUNNING,
        "triggered_by": TriggeredBy.SCHEDULED,
        "created_at": "2026-04-28T12:00:00Z",
        "updated_at": "2026-04-28T12:00:00Z",
        "job_uid": "uid-one",
    }
)


@dataclass
class Node:
    """A cluster with one Pod, and a clock that each sleep moves on."""

    log: KubeletLog = field(default_factory=KubeletLog)
    pod: str | None = "pod-a"
    refusal: Exception | None = None
    now: float = 0
    slept: list[float] = field(default_factory=list)
    asked: list[str | None] = field(default_factory=list)

    def newest_pod_name(self, namespace: str, job_uid: str) -> str | None:
        """Name the Pod."""
        assert (namespace, job_uid) == (RUN.namespace, RUN.job_uid)
        return self.pod

    def stamped_log(
        self, _: str, pod: str, *, since: str | None = None, limit_bytes: int | None = None
    ) -> Iterator[bytes]:
        """Yield the log, or refuse."""
        if self.refusal:
            raise self.refusal
        if pod != self.pod:
            raise ObjectNotFound(404, "gone")
        self.asked.append(since)
        yield from self.log.answer(since, limit_bytes, chunk=64 * 1024)

    def sleep(self, seconds: float) -> None:
        """Move the clock on."""
        self.slept.append(seconds)
        self.now += seconds

    def next(self, place: LogPlace, wait: float = 0, run: Run = RUN) -> Followed:
        """Follow."""
        follower = LogFollower(lambda: run, lambda: cast("Cluster", self), lambda: self.now, self.sleep)
        return follower.next(run, place, timedelta(seconds=wait))


@pytest.fixture
def node() -> Node:
    return Node()


def test_each_written_line_is_returned_once(node: Node) -> None:
    node.log.write(NOON, b"one")
    first = node.next(LogPlace())
    node.log.write(NOON, b"two")
    second = node.next(first.place)

    assert (first.text, second.text, node.next(second.place).text) == ("one\n", "two\n", "")
    assert node.asked == [None, *["2026-04-28T11:59:59Z"] * 2]


def test_a_call_waits_as_long_as_requested_and_polls_each_second(node: Node) -> None:
    assert node.next(LogPlace(), wait=2.5).text == ""
    assert node.slept == [1, 1, 0.5]


def test_a_call_that_waits_answers_once_there_is_a_line(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "sleep", lambda _: node.log.write(NOON, b"one"))

    assert node.next(LogPlace(), wait=20).text == "one\n"


def test_a_rotated_file_has_a_message(node: Node) -> None:
    node.log.write(NOON, b"one")
    first = node.next(LogPlace())
    node.log.rotate()
    node.log.write(NOON + 9 * SECOND, b"three")

    second = node.next(first.place)

    assert (second.text, second.message) == ("three\n", f"{LOST_BY_ROTATION}. The text before ended after 4 bytes")
    assert node.next(second.place).message is None


def test_a_pod_that_was_replaced_has_a_message(node: Node) -> None:
    node.log.write(NOON, b"one")
    first = node.next(LogPlace())
    node.pod = "pod-b"
    node.log.rotate()
    node.log.write(NOON, b"again")

    second = node.next(first.place)

    assert (second.text, second.message) == ("again\n", f"{LOST_WITH_POD}. The text before ended after 4 bytes")
    # A time of the one pod's log says nothing about the other's.
    assert node.asked == [None, None]


def test_a_pod_that_is_replaced_while_a_call_waits_is_followed_by_the_next(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    def replaced(seconds: float) -> None:
        node.now += seconds
        if node.pod == "pod-a":
            node.pod = "pod-b"
            node.log.write(NOON, b"one")

    monkeypatch.setattr(node, "sleep", replaced)

    assert node.next(LogPlace(), wait=10).text == "one\n"


def test_a_container_that_waits_to_start_has_no_line_yet(node: Node) -> None:
    node.refusal = ClusterRejected(400, "container is waiting to start")

    assert node.next(LogPlace(), wait=1).text == ""


@pytest.mark.parametrize("error", [ClusterRejected(403, "no"), ClusterUnavailable("down")])
def test_a_cluster_out_of_reach_is_asked_again_and_then_told(node: Node, error: Exception) -> None:
    node.refusal = error

    with pytest.raises(ClusterUnavailable):
        node.next(LogPlace(), wait=3)
    assert node.now == 3


def test_a_message_of_the_kubelet_is_not_given_as_text(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = b"unable to retrieve container logs for containerd://0123456789abcdef0123456789abcdef\n"
    monkeypatch.setattr(node.log, "answer", lambda *_, **__: iter([answer]))

    assert node.next(LogPlace()) == Followed(RUN, "", LogPlace())


@pytest.mark.parametrize("content", [b"\0" * 900, "\U0001f600".encode() * 300, b"x" * 200, b""])
def test_a_long_log_comes_in_answers_that_lambda_passes_on(node: Node, content: bytes) -> None:
    lines = 3 * 1024 * 1024 // (len(content) + 30)
    for number in range(lines):
        node.log.write(NOON + number * SECOND // 1000, content)
    place, given = LogPlace(), 0
    whole = node.log.text.decode()
    while text := (found := node.next(place)).text:
        assert whole[given : given + len(text)] == text
        place, given = found.place, given + len(text)

    assert given == len(whole)


def test_a_run_without_a_job_in_the_cluster_asks_it_nothing(node: Node) -> None:
    run: Any = RUN.model_copy(update={"job_uid": None})

    assert node.next(LogPlace(), run=run).text == ""
    assert node.asked == []
