"""The time of one attempt ends each of its connections, also one that is made when it is over."""

import socket
from collections.abc import Iterator

import pytest

from jobs_api.notifications.webhook.deadline import Deadline


@pytest.fixture
def deadline() -> Iterator[Deadline]:
    made = Deadline(60)
    yield made
    made.release()


def test_a_connection_that_is_made_when_the_time_is_over_is_closed(deadline: Deadline) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.settimeout(30)
        deadline.passed.set()

        deadline.guard(ours)

        assert theirs.recv(1) == b""


def test_only_the_newest_connection_is_closed_when_the_time_is_over(deadline: Deadline) -> None:
    earlier, newest = socket.socketpair(), socket.socketpair()
    for ours, _ in (earlier, newest):
        deadline.guard(ours)

    deadline.timer.function()

    newest[1].settimeout(30)
    assert newest[1].recv(1) == b""
    earlier[0].sendall(b"x")
    assert earlier[1].recv(1) == b"x"
    for sock in (*earlier, *newest):
        sock.close()
