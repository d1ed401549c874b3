"""Finds the function for which code runs: the one on the call stack, also in threads to which it submits work."""

import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from jobs_api.api.resolver import Api

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = f"{ROOT}/functions/"
JOBSCTL = f"{ROOT}/jobsctl/"
TESTS = f"{ROOT}/tests/"

_RESOLVE = Api.resolve.__code__
# Tests of deliveries and passes call the code that those functions run for a message.
_DELIVERING = "jobs_api/notifications/deliver.py"
_PASSING = ("jobs_api/pulse/passes.py", "jobs_api/pulse/handling.py")
_HANDED = "follow_threads.<locals>.following.<locals>.run"

_made_in: dict[int, str] = {}
_handed_down = threading.local()


def function() -> str | None:
    """Return the folder of the function that runs in this thread; None if a test itself runs.

    A test may wrap the call itself to watch it. If a test's code is deeper in the stack, a function called it as a
    fake, and its calls are the test's own.
    """
    frame, at_the_call = sys._getframe(1), True
    while frame is not None:
        name = frame.f_code.co_filename
        if frame.f_code is _RESOLVE:
            # For calls before and after the handler, such as those for an Idempotency-Key, only the resolver is on the
            # stack.
            name = _made_in.get(id(frame.f_locals["self"]), name)
        if frame.f_code.co_qualname == "deliver" and name.endswith(_DELIVERING):
            return "send_notifications"
        if name.endswith(_PASSING):
            return "handle_pulse"
        if name.startswith(FUNCTIONS):
            return name.removeprefix(FUNCTIONS).partition("/")[0]
        if frame.f_code.co_qualname == _HANDED:
            break
        if not name.startswith(TESTS):
            at_the_call = False
        elif not at_the_call:
            return None
        frame = frame.f_back  # type: ignore[assignment]  # the last one has none
    return getattr(_handed_down, "function", None)


def operator() -> bool:
    """Return whether a command of jobsctl runs in this thread, and no function below it."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename.startswith(JOBSCTL):
            return True
        frame = frame.f_back  # type: ignore[assignment]  # the last one has none
    return getattr(_handed_down, "operator", False)


def follow_resolvers() -> None:
    """Record the file in which each function's resolver is created."""
    init = Api.__init__

    def recording(self: Api, *args: Any, **kwargs: Any) -> None:
        _made_in[id(self)] = sys._getframe(1).f_code.co_filename
        init(self, *args, **kwargs)

    Api.__init__ = recording  # type: ignore[method-assign]


def follow_threads() -> None:
    """Let work in a pool count for the function that submitted it."""
    submit = ThreadPoolExecutor.submit

    def following[**P, T](
        pool: ThreadPoolExecutor, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        behalf = function(), operator()

        def run(*args: Any, **kwargs: Any) -> T:
            before = getattr(_handed_down, "function", None), getattr(_handed_down, "operator", False)
            _handed_down.function, _handed_down.operator = behalf
            try:
                return work(*args, **kwargs)
            finally:
                _handed_down.function, _handed_down.operator = before

        return submit(pool, run, *args, **kwargs)

    ThreadPoolExecutor.submit = following  # type: ignore[method-assign,assignment]
