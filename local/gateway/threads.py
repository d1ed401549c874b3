"""The threads in which the gateway waits for functions: each function has as many as its concurrency allows.

So a slow function takes no threads from the others, as in Lambda.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from local.functions import Functions

# The authorizer's answer is mostly cached; otherwise its function reads one item.
AUTHORIZING_THREADS: Final = 8


class Threads:
    """Pools of threads by function, created when they are first needed."""

    def __init__(self, functions: Functions) -> None:
        """Start no threads."""
        self._functions = functions
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._lock = threading.Lock()
        self.authorizing = ThreadPoolExecutor(AUTHORIZING_THREADS, thread_name_prefix="authorizer")

    def of(self, function: str) -> ThreadPoolExecutor:
        """Return the threads of a function, given by a name, ARN or URI that `Functions` finds."""
        found = self._functions[function]
        with self._lock:
            if found.spec.name not in self._pools:
                self._pools[found.spec.name] = ThreadPoolExecutor(
                    found.concurrency, thread_name_prefix=f"handler-{found.spec.name}"
                )
            return self._pools[found.spec.name]

    def shutdown(self) -> None:
        """Accept no more work, and do not wait for handlers that hang."""
        with self._lock:
            for pool in (self.authorizing, *self._pools.values()):
                pool.shutdown(wait=False, cancel_futures=True)
