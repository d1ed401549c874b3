"""Kills a function after its nth write to a table, bucket, queue, bus, cluster or receiver."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from jobs_api.notifications.slack import client as slack
from jobs_api.notifications.webhook import http
from tests.calls_to_aws import Call, intercept_aws
from tests.reliability.fake_cluster import Answer, Ask, FakeCluster, Request
from tests.reliability.faults import POLLING


class Killed(BaseException):
    """The function's process was killed; no handler catches this, and no `finally` can write after it."""


@dataclass
class Killer:
    """Counts writes, and prevents every call after the nth; `made` has the names of the writes."""

    monkeypatch: pytest.MonkeyPatch
    cluster: FakeCluster
    made: list[str] = field(default_factory=list)
    killed_it: bool = False
    _after: int | None = None

    def __post_init__(self) -> None:
        """Intercept calls to AWS and to the cluster."""
        before = self.cluster.wrap

        def answer_aws(call: Call) -> Any:
            if call.operation in POLLING:
                return call.make()
            self._check()
            answer = call.make()
            if call.writes:
                self._note(f"{call.service} {call.operation}")
            return answer

        def wrap(request: Request, ask: Ask) -> Answer:
            self._check()
            answer = before(request, ask)
            if request.writes:
                self._note(f"cluster {request.method}")
            return answer

        intercept_aws(self.monkeypatch, answer_aws)
        for module in (http, slack):
            self.monkeypatch.setattr(module, "post", self._posting(module.post, module.__name__))
        self.cluster.wrap = wrap

    @contextmanager
    def after(self, writes: int) -> Iterator[None]:
        """Kill the block's function after so many writes; 0 kills it before the first."""
        self.made.clear()
        self._after = writes
        try:
            yield
        except Killed:
            self.killed_it = True
        finally:
            self._after = None

    def _posting(self, post: Callable[..., Any], client: str) -> Callable[..., Any]:
        """Return a sender to receivers that counts as a write."""

        def posted(*message: Any) -> Any:
            self._check()
            answer = post(*message)
            self._note(f"{client} post")
            return answer

        return posted

    def leave(self) -> None:
        """Stop intercepting."""
        self.cluster.wrap = lambda request, ask: ask(request)

    def _check(self) -> None:
        if self._after is not None and len(self.made) >= self._after:
            raise Killed

    def _note(self, write: str) -> None:
        self.made.append(write)
        # After a function's last write nothing more may happen, not even its answer.
        self._check()
