"""The threads in which the gateway waits for functions: each function has its own, as many as it may run at a time.

One that waits long for others, however often it is called, thereby takes no thread from the rest, as in Lambda.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from local.functions import Functions

# Mostly an answer that is kept, and at times a function that reads one item.
AUTHORIZING_THREADS: Final = 8


class Threads:
    """Pools of threads by function, made when they are first needed."""

    def __init__(self, functions: Functions) -> None:
        """Start none."""
        self._functions = functions
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._lock = threading.Lock()
        self.authorizing = ThreadPoolExecutor(AUTHORIZING_THREADS, thread_name_prefix="authorizer")

    def of(self, function: str) -> ThreadPoolExecutor:
        """Return the threads of a function, which is given by whatever finds it in `Functions`."""
        found = self._functions[function]
        with self._lock:
            if found.spec.name not in self._pools:
                self._pools[found.spec.name] = ThreadPoolExecutor(
                    found.concurrency, thread_name_prefix=f"handler-{found.spec.name}"
                )
            return self._pools[found.spec.name]

    def shutdown(self) -> None:
        """Take nothing more on; a handler that hangs is not waited for."""
        with self._lock:
            for pool in (self.authorizing, *self._pools.values()):
                pool.shutdown(wait=False, cancel_futures=True)
