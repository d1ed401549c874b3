"""Makes a world go the same way twice: chance comes from a seed, and threads work one after the other."""

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
    """A pool of threads without threads: work is done when it is handed in."""

    def __init__(self, *_: object, **__: object) -> None:
        """Take what a pool of threads takes."""

    def submit[**P, T](self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Do it now; what goes wrong is told who asks for the result, as by a pool."""
        future: Future[T] = Future()
        try:
            future.set_result(work(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - it is raised where the result is asked for
            future.set_exception(error)
        return future


def repeat(seed: int, monkeypatch: pytest.MonkeyPatch) -> random.Random:
    """Have ids, names, jitter and the order of threads follow from a seed; return what the test itself draws from.

    One seed makes the same ids each time, so a process tells each story once.
    """
    # Apart from each other, so that one more id does not change what a story tells.
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
    """Have each id come after those that were made before, in this process: what is sorted by them stays so."""

    class Bytes:
        token_bytes = staticmethod(lambda size: next(_count).to_bytes(size))

    monkeypatch.setattr(ids, "secrets", Bytes)


def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have threads work one after the other."""
    for name, module in list(sys.modules.items()):
        if name.startswith("jobs_api.") and hasattr(module, "ThreadPoolExecutor"):
            monkeypatch.setattr(module, "ThreadPoolExecutor", OneByOne)
    monkeypatch.setattr(send_notifications, "side_by_side", OneByOne())
