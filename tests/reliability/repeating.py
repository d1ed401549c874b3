"""Makes a world deterministic: random numbers come from a seed, and threads run one after another."""

import random
import sys
from collections.abc import Callable
from concurrent.futures import Executor, Future
from itertools import count
from uuid import UUID

import pytest

import functions.send_notifications.app as send_notifications
from jobs_api import ids
from local.cluster import storage

_count = count(1)


class OneByOne(Executor):
    """A pool without threads: `submit` does the work itself."""

    def __init__(self, *_: object, **__: object) -> None:
        """Accept the arguments of a thread pool."""

    def submit[**P, T](self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Do the work now; an error is raised when the result is read, as with a pool."""
        future: Future[T] = Future()
        try:
            future.set_result(work(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - it is raised where the result is asked for
            future.set_exception(error)
        return future


def repeat(seed: int, monkeypatch: pytest.MonkeyPatch) -> random.Random:
    """Derive ids, names, jitter and the order of threads from a seed; return the test's own random generator.

    A seed always makes the same ids, so a process can run each story only once.
    """
    # Separate generators, so that one more id does not change a story.
    drawn, named = random.Random(f"story {seed}"), random.Random(f"ids {seed}")  # noqa: S311 - to be repeated
    random.seed(seed)

    class Bytes:
        token_bytes = staticmethod(named.randbytes)

    class Uuid:
        uuid4 = staticmethod(lambda: UUID(bytes=named.randbytes(16), version=4))

    monkeypatch.setattr(ids, "secrets", Bytes)
    monkeypatch.setattr(storage, "uuid", Uuid)
    one_by_one(monkeypatch)
    return drawn


def in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make each id sort after all earlier ids of this process."""

    class Bytes:
        token_bytes = staticmethod(lambda size: next(_count).to_bytes(size))

    monkeypatch.setattr(ids, "secrets", Bytes)


def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run threads one after another."""
    for name, module in list(sys.modules.items()):
        if name.startswith("jobs_api.") and hasattr(module, "ThreadPoolExecutor"):
            monkeypatch.setattr(module, "ThreadPoolExecutor", OneByOne)
    monkeypatch.setattr(send_notifications, "side_by_side", OneByOne())
